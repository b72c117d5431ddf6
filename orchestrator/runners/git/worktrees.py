"""The work trees in which a branch is checked out, kept in step with the branch.

A work tree's index and files are read and written through a git directory of our own, so that
its filters, hooks and file-system monitor do not run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.runners.git.command import RepositoryError
from orchestrator.runners.git.difference import changed_paths
from orchestrator.runners.git.repository import Repository
from orchestrator.runners.git.view import View, WorkTree, open_view, shown

INDEX_LIMIT = 256 * 1024 * 1024

# What a checkout on this machine means by "unchanged"; none of these starts a program.
_PORTABLE = ("core.filemode", "core.symlinks", "core.ignorecase", "core.autocrlf", "core.eol")
_WORDS = frozenset({"true", "false", "input", "lf", "crlf", "native"})
_UNFINISHED = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")


class WorkTreeBusyError(RepositoryError):
    """A work tree holds a person's unfinished work, which a merge must not touch."""


def work_trees_on(repository: Repository, branch: str) -> list[WorkTree]:
    """Return the work trees in which `branch` is checked out.

    A repository's list is only a claim: a folder counts when its own `.git` leads back here.
    """
    listed = repository.run("worktree", "list", "--porcelain", "-z")
    if listed.code:
        raise RepositoryError(f"The work trees of {repository.name} are unknown: {listed.err}")
    found = []
    for entry in listed.out.split(b"\0\0"):
        fields = dict(shown(line).partition(" ")[::2] for line in entry.split(b"\0") if line)
        if fields.get("branch") == f"refs/heads/{branch}" and "prunable" not in fields:
            found.append(_confirmed(repository, Path(fields["worktree"])))
    return found


def require_clean(repository: Repository, tree: WorkTree, commit: str, onto: str) -> None:
    """Raise WorkTreeBusyError unless the work tree is exactly `commit` and can move to `onto`."""
    for name in _UNFINISHED:
        if (tree.git_dir / name).exists():
            raise _busy(tree, "has an unfinished merge or rebase")
    with _standing_in(repository, tree) as view:
        if _is_sparse(view):
            raise _busy(tree, "is a sparse checkout, which cannot be updated from here")
        _refresh(view)
        if view.run("diff-index", "--quiet", *_QUIET, commit, "--", ok=(0, 1)).code:
            raise _busy(tree, "has changes that are not committed")
        dry = view.run("read-tree", "-m", "-u", "-n", commit, onto, ok=(0, 1, 128))
        if dry.code:
            raise _busy(tree, f"cannot be updated ({dry.err})")


def bring_along(repository: Repository, tree: WorkTree, old: str, new: str) -> str:
    """Move index and files from commit `old` to `new`; return an empty string or what is wrong.

    Doing it again after a crash finishes what the first try began: a path that already has its
    new content is taken into the index first. What a person changed meanwhile is never touched.
    """
    try:
        with _standing_in(repository, tree) as view:
            if view.run("diff-index", "--cached", "--quiet", *_QUIET, new, "--", ok=(0, 1)).code:
                _refresh(view)
                _take_finished_paths(view, tree, old, new)
                view.run("read-tree", "-m", "-u", old, new)
    except RepositoryError as error:
        return (
            f"{tree.path} still shows the branch before the change ({error}); "
            "commit or stash your work there, then run `git reset --hard`."
        )
    return ""


_QUIET = ("--ignore-submodules=all", "--no-ext-diff")


def _is_sparse(view: View) -> bool:
    listed = view.run("ls-files", "-t", "-z", limit=INDEX_LIMIT)
    return listed.truncated or listed.out.startswith(b"S ") or b"\0S " in listed.out


def _refresh(view: View) -> None:
    view.run("update-index", "-q", "--refresh", "--ignore-submodules", ok=(0, 1))


def _take_finished_paths(view: View, tree: WorkTree, old: str, new: str) -> None:
    done = [path for path in changed_paths(view, old, new) if _is_new(view, tree, path, new)]
    if done:
        names = "\0".join(done).encode("utf-8", "surrogateescape")
        view.run("update-index", "--add", "--remove", "-z", "--stdin", stdin=names)


def _is_new(view: View, tree: WorkTree, path: str, new: str) -> bool:
    wanted = view.run("rev-parse", "--verify", "--quiet", f"{new}:{path}", ok=(0, 1, 128))
    place = tree.path / path
    if wanted.code:
        return not place.exists() and not place.is_symlink()
    if not place.is_file() or place.is_symlink():
        return False
    actual = view.run("hash-object", f"--path={path}", "--", str(place), ok=(0, 128))
    return actual.out.strip() == wanted.out.strip()


@contextmanager
def _standing_in(repository: Repository, tree: WorkTree) -> Iterator[View]:
    kept = [(key, repository.setting(key)) for key in _PORTABLE]
    settings = "".join(
        f"\t{key.partition('.')[2]} = {value}\n" for key, value in kept if value in _WORDS
    )
    objects = repository.common_dir / "objects"
    with open_view(objects, repository.object_format, write=True, work_tree=tree) as view:
        with (view.git_dir / "config").open("a") as config:
            config.write(f"[core]\n{settings}")
        yield view


def _confirmed(repository: Repository, path: Path) -> WorkTree:
    path = path.resolve()
    pointer = path / ".git"
    git_dir = pointer.resolve() if pointer.is_dir() else _pointed_to(pointer)
    linked = git_dir.parent == repository.common_dir / "worktrees"
    confirmed = linked or git_dir == repository.common_dir
    allowed = any(path.is_relative_to(root) for root in repository.roots)
    if not confirmed or not allowed:
        raise WorkTreeBusyError(
            f"The branch is checked out in {path}, which cannot be updated from here; "
            "switch that work tree to another branch and try again."
        )
    return WorkTree(path, git_dir)


def _pointed_to(pointer: Path) -> Path:
    try:
        text = pointer.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return Path("/nonexistent")
    return Path(text.removeprefix("gitdir:").strip()).resolve()


def _busy(tree: WorkTree, what: str) -> WorkTreeBusyError:
    return WorkTreeBusyError(
        f"The branch is checked out in {tree.path}, which {what}; "
        "commit or stash your work there, or switch it to another branch, and try again."
    )
