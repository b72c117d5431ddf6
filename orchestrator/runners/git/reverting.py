"""The undo of a commit that an effect made: another commit, made once."""

from collections.abc import Mapping
from typing import Any

from orchestrator.runners.git import merging
from orchestrator.runners.git.movement import Movement
from orchestrator.runners.git.repository import object_id


def reverted(
    change: Movement, commit: str, title: str, *, effect_key: str, fence: int
) -> Mapping[str, Any]:
    """Take back what `commit` brought to its first parent; a revert that is there is kept.

    `title` is the first line of the new commit. Whoever does this holds the repository.
    """
    made = object_id(commit)
    head = change.repository.head_of(change.branch)
    with change.repository.writing() as view:
        since = {"since": made, "head": head}
        if done := merging.found_with_trailer(view, merging.UNDO, effect_key, **since):
            return change.settled(done[-1], merging.parents_of(view, done[-1])[0])
        tree = merging.reverted_tree(view, made, head)
        message = merging.undo_message(title, made, effect_key, fence)
        new = merging.written_commit(view, tree, (head,), message)
    return change.made(new, head)
