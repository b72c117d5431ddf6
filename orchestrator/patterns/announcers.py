"""Who wants a turn done, where that is an agent: the leader of its block, or who hands it over."""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.patterns.base import Ask, PlannedStep
from orchestrator.patterns.board import Board
from orchestrator.patterns.paths import inside, joined
from orchestrator.patterns.placing import TURN

# What the task of a step tells, to whoever bids for it, of those who announced it.
ANNOUNCED_BY = "announced_by"


def announced_by(block: PlannedStep, path: str, ask: Ask, board: Board) -> list[str]:
    """Return the aliases of those who want this turn of the block at `path` done.

    A leader that is a crew is everybody of it who has led so far. Nobody announces work to
    himself, and the work of a sequence or a fan is announced by the file.
    """
    leader = leader_of(block.pattern, block.options) or _holder(ask.task)
    if not leader or leader == ask.agent:
        return []
    return sorted({leader, *_of_crew(leader, path, board)})


def leader_of(pattern: str, options: Mapping[str, Any]) -> str:
    """Return the alias that leads a block by its fields of the file; most have none."""
    if pattern == "magentic":
        return str(options["manager"])
    return str(options.get("speaker", {}).get("agent", "")) if pattern == "group_chat" else ""


def _holder(task: Mapping[str, Any]) -> str:
    """Return who holds the work that a turn of a handoff is offered."""
    return str(task["holder"]) if task.get("offered") else ""


def _of_crew(leader: str, path: str, board: Board) -> Iterator[str]:
    for child in board.children(path):
        if child.agent == leader and child.kind == "block":
            within = joined(path, inside(child.path, child.iteration))
            yield from (turn.agent for turn in board.children(within) if turn.path == TURN)
