"""Merges, made of objects alone: no work tree, no merge driver, no attribute takes part."""

from collections.abc import Sequence

from orchestrator.runners.git.command import RepositoryError
from orchestrator.runners.git.repository import object_id
from orchestrator.runners.git.view import View, shown

MAX_SEARCHED = 10_000
MOST_NAMED = 5
EFFECT, FENCE, UNDO = "Countersign-Effect", "Countersign-Fence", "Countersign-Undo"


class MergeConflictError(RepositoryError):
    """The two sides change the same places; `files` are where."""

    def __init__(self, files: Sequence[str]) -> None:
        more = " and more" if files[MOST_NAMED:] else ""
        named = ", ".join(files[:MOST_NAMED]) + more
        super().__init__(f"The branches conflict in {named}; resolve it on the source branch.")
        self.files = tuple(files)


def merged_tree(view: View, ours: str, theirs: str) -> str:
    """Return the tree that merging commit `theirs` into commit `ours` gives."""
    done = view.run(
        "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs, ok=(0, 1)
    )
    tree, *files = [shown(part) for part in done.out.split(b"\0") if part]
    if done.code:
        raise MergeConflictError(files)
    return object_id(tree)


def tree_of(view: View, commit: str) -> str:
    """Return the tree of a commit."""
    return _tree(view, object_id(commit))


def reverted_tree(view: View, commit: str, head: str) -> str:
    """Return `head`'s tree without what the merge `commit` brought to its first parent.

    A revert is the merge of head and that first parent with the merge itself as their base.
    Three stand-ins give git this base (its own option for it came after 2.38); they are written
    aside and never reach the repository.
    """
    before = _tree(view, f"{object_id(commit)}^1")
    if head == commit:
        return before
    base = _stand_in(view, tree_of(view, commit))
    ours = _stand_in(view, tree_of(view, head), base)
    return merged_tree(view, ours, _stand_in(view, before, base))


def written_commit(view: View, tree: str, parents: Sequence[str], message: str) -> str:
    """Write a commit and return its id. Nothing points to it yet."""
    named = [part for parent in parents for part in ("-p", object_id(parent))]
    done = view.text("commit-tree", object_id(tree), *named, stdin=message.encode())
    return object_id(done.strip())


def effect_message(sentence: str, effect_key: str, fence: int) -> str:
    """Return the message of a merge commit that says which effect it is."""
    return f"{sentence}\n\n{EFFECT}: {effect_key}\n{FENCE}: {fence}\n"


def undo_message(sentence: str, commit: str, effect_key: str, fence: int) -> str:
    """Return the message of a revert commit that says which effect it undoes."""
    told = f"This reverts commit {commit}."
    return f"{sentence}\n\n{told}\n\n{UNDO}: {effect_key}\n{FENCE}: {fence}\n"


def found_with_trailer(view: View, trailer: str, key: str, *, since: str, head: str) -> list[str]:
    """Return commits of `head`'s first-parent line after `since` that carry `trailer: key`."""
    done = view.text(
        "log",
        "--first-parent",
        f"--max-count={MAX_SEARCHED}",
        f"--format=tformat:%H\t%(trailers:key={trailer},valueonly,separator=%x2C)",
        head,
        f"^{since}",
    )
    rows = [line.partition("\t") for line in done.splitlines()]
    return [commit for commit, _, value in rows if key in value.split(",")]


def parents_of(view: View, commit: str) -> list[str]:
    """Return the parents of a commit, first one first."""
    return view.text("log", "--no-walk", "--format=%P", object_id(commit)).split()


def _tree(view: View, revision: str) -> str:
    return object_id(view.text("rev-parse", "--verify", f"{revision}^{{tree}}").strip())


def _stand_in(view: View, tree: str, *parents: str) -> str:
    named = [part for parent in parents for part in ("-p", parent)]
    done = view.text("commit-tree", tree, *named, stdin=b"stand-in\n", extra=view.aside)
    return object_id(done.strip())
