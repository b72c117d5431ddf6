"""A branch moves by compare-and-swap, and the work trees that show it follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.runners.git import worktrees
from orchestrator.runners.git.command import RepositoryError
from orchestrator.runners.git.repository import Repository


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement of one branch by the holder of the repository's turn."""

    repository: Repository
    branch: str

    def made(self, new: str, old: str) -> Mapping[str, Any]:
        """Move the branch from `old` to `new`; refuses before acting when a work tree is busy."""
        for tree in worktrees.work_trees_on(self.repository, self.branch):
            worktrees.require_clean(self.repository, tree, old, new)
        self.repository.swap(self.branch, new, old, "countersign")
        return self.settled(new, old)

    def settled(self, new: str, old: str) -> Mapping[str, Any]:
        """Describe a movement that happened, after bringing lagging work trees along.

        A work tree that could not follow is a warning: the branch has moved all the same.
        """
        return {
            "commit": new,
            "branch": self.branch,
            "before": old,
            "warnings": self._follow(old),
        }

    def _follow(self, old: str) -> list[str]:
        try:
            head = self.repository.head_of(self.branch)
            trees = worktrees.work_trees_on(self.repository, self.branch)
        except RepositoryError as error:
            return [str(error)]
        lagging = [worktrees.bring_along(self.repository, tree, old, head) for tree in trees]
        return [warning for warning in lagging if warning]
