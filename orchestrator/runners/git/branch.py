"""What the tools that move a branch have in common: one repository, one turn, one commit."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from governance.adapters import Facts
from orchestrator.runners.faults import as_effects
from orchestrator.runners.git import merging
from orchestrator.runners.git.movement import Movement
from orchestrator.runners.git.repository import Repository, open_repository
from orchestrator.runners.git.reverting import reverted
from orchestrator.runners.git.turn import turn


class BranchTool:
    """Opens the repository of an action, and takes turns at the branch that it moves.

    `moves` names the argument that says which branch that is.
    """

    effect_class = "probe"
    refuses_late_calls = True
    moves: ClassVar[str]

    def __init__(self, roots: Sequence[str] = ()) -> None:
        self.roots = tuple(map(Path, roots))

    def repository(self, arguments: Mapping[str, Any]) -> Repository:
        """Return the repository; raises RepositoryError."""
        return open_repository(arguments["repository"], self.roots)

    @contextmanager
    def turn(
        self, arguments: Mapping[str, Any], effect_key: str = "", fence: int = 0
    ) -> Iterator[Movement]:
        """Hold the repository's turn; nobody else of ours moves a branch of it meanwhile."""
        repository = self.repository(arguments)
        with turn(repository.common_dir, effect_key, fence):
            yield Movement(repository, arguments[self.moves])

    def revert(
        self,
        arguments: Mapping[str, Any],
        response: Mapping[str, Any],
        title: str,
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Revert the commit named by `response`; a revert that is there already is kept."""
        with as_effects(), self.turn(arguments, f"{effect_key}undo", fence) as change:
            commit = str(response.get("commit", ""))
            return reverted(change, commit, title, effect_key=effect_key, fence=fence)


def branch_facts(
    repository: Repository,
    branch: str,
    pins: Mapping[str, str],
    facts: Mapping[str, Any],
    *,
    protected: bool,
) -> Facts:
    """Return what was found out about moving a branch, named as policy knows it."""
    return Facts(
        pins=pins,
        facts={**facts, "target_protected": protected},
        resource_type="Branch",
        resource_id=f"{repository.name}/{branch}",
        resource_attributes={
            "repository": repository.name,
            "name": branch,
            "protected": protected,
        },
    )


def commit_of(change: Movement, key: str, tree: str, parents: Sequence[str]) -> str:
    """Return this effect's commit, judged by more than its trailer, which anyone can write."""
    since = {"since": parents[0], "head": change.repository.head_of(change.branch)}
    with change.repository.reading() as view:
        for commit in merging.found_with_trailer(view, merging.EFFECT, key, **since):
            same = merging.tree_of(view, commit) == tree
            if same and merging.parents_of(view, commit) == list(parents):
                return commit
    return ""
