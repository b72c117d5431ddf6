"""A repository's objects seen from a git directory of our own.

The repository's configuration, attributes, hooks, grafts and replacement refs lie in its git
directory, and git never sees that: it works in a temporary one made here that borrows the object
store. What a hostile repository configured to run can therefore not even be found.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.runners.git.bounded import Completed
from orchestrator.runners.git.command import OUT_LIMIT, SECONDS, RepositoryError, call_git


@dataclass(frozen=True, slots=True)
class WorkTree:
    """One checkout: its folder and the git directory that holds its index."""

    path: Path
    git_dir: Path


@dataclass(frozen=True, slots=True)
class View:
    """One temporary git directory; `run` calls git in it.

    `aside`, given as `extra`, makes new objects stay in the view even while it is writing.
    """

    git_dir: Path
    extra: Mapping[str, str]
    aside: Mapping[str, str]
    scratch: Path
    cwd: Path

    def run(
        self,
        *arguments: str,
        ok: tuple[int, ...] = (0,),
        stdin: bytes = b"",
        seconds: float = SECONDS,
        limit: int = OUT_LIMIT,
        settings: tuple[str, ...] = (),
        extra: Mapping[str, str] | None = None,
    ) -> Completed:
        """Call git here; raises RepositoryError with git's words for an exit code not in `ok`."""
        done = call_git(
            *arguments,
            cwd=self.cwd,
            settings=settings,
            extra={**self.extra, **(extra or {})},
            stdin=stdin,
            seconds=seconds,
            limit=limit,
        )
        if not done.truncated and done.code not in ok:
            raise RepositoryError(f"git {arguments[0]} failed: {done.err or done.code}")
        return done

    def text(self, *arguments: str, **options: Any) -> str:
        """Call git and return what it says, which must fit the limit."""
        done = self.run(*arguments, **options)
        if done.truncated:
            raise RepositoryError(f"git {arguments[0]} said more than can be examined.")
        return shown(done.out)


def shown(data: bytes) -> str:
    """Decode what a repository contains; bytes that are not UTF-8, and NUL, stay visible."""
    return data.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


@contextmanager
def open_view(
    objects: Path, object_format: str, *, write: bool, work_tree: WorkTree | None = None
) -> Iterator[View]:
    """Open a view. Reading never writes: new objects stay here unless `write` is true.

    With a `work_tree` git also reads and writes that checkout and its index.
    """
    with tempfile.TemporaryDirectory(prefix="countersign-git-") as made:
        scratch = Path(made)
        git_dir = scratch / "git"
        _furnish(git_dir, object_format, bare=work_tree is None)
        own = git_dir / "objects"
        aside = _stores(own, objects)
        stores = _stores(objects, own) if write else aside
        extra = {"GIT_DIR": str(git_dir), **stores}
        if work_tree:
            extra["GIT_WORK_TREE"] = str(work_tree.path)
            extra["GIT_INDEX_FILE"] = str(work_tree.git_dir / "index")
        yield View(git_dir, extra, aside, scratch, work_tree.path if work_tree else git_dir)


def _stores(first: Path, second: Path) -> dict[str, str]:
    return {
        "GIT_OBJECT_DIRECTORY": str(first),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(second),
    }


def _furnish(git_dir: Path, object_format: str, *, bare: bool) -> None:
    for part in ("objects/info", "objects/pack", "refs"):
        (git_dir / part).mkdir(parents=True)
    (git_dir / "HEAD").write_text("ref: refs/heads/nothing\n")
    (git_dir / "config").write_text(
        "[core]\n"
        f"\trepositoryformatversion = 1\n\tbare = {str(bare).lower()}\n"
        f"[extensions]\n\tobjectformat = {object_format}\n"
    )


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
