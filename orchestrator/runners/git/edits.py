"""Trees made of a commit and some files put into it, without a work tree."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from orchestrator.runners.git.command import RepositoryError
from orchestrator.runners.git.repository import object_id
from orchestrator.runners.git.view import View

_MODES = ("100644", "100755")
_TEST = re.compile(r"(test_.*|.*_test|conftest)\.py\Z")
_TEST_FOLDERS = frozenset({"test", "tests"})

Files = Sequence[Mapping[str, str]]


def edited_tree(view: View, commit: str, files: Files) -> str:
    """Return the tree of `commit` with these files, `{"path", "text"}`, in it."""
    paths = [file["path"] for file in files]
    if len(set(paths)) < len(paths):
        raise RepositoryError("A file is written once in a commit.")
    index = {"GIT_INDEX_FILE": str(view.scratch / "index")}
    view.text("read-tree", object_id(commit), extra=index)
    for file in files:
        mode = _mode(view, commit, file["path"])
        blob = view.text("hash-object", "-w", "--stdin", stdin=file["text"].encode()).strip()
        entry = f"{mode},{object_id(blob)},{file['path']}"
        view.text("update-index", "--add", "--cacheinfo", entry, extra=index)
    return object_id(view.text("write-tree", extra=index).strip())


def touches_tests(files: Files) -> bool:
    """Whether a file of the tests is among them, by the names that tests have."""
    return any(_is_test(PurePosixPath(file["path"].lower())) for file in files)


def _is_test(path: PurePosixPath) -> bool:
    return bool(_TEST_FOLDERS.intersection(path.parts) or _TEST.match(path.name))


def _mode(view: View, commit: str, path: str) -> str:
    listed = view.text("ls-tree", "-z", "--full-tree", commit, "--", path)
    mode = listed.partition(" ")[0] or _MODES[0]
    if mode not in _MODES:
        raise RepositoryError(f"{path} is no regular file.")
    return mode
