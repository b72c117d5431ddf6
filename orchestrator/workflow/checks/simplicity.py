"""What works and could be simpler. Warnings: the file is accepted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from orchestrator.workflow.nodes import Node
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.source import Source

Plain = Mapping[str, Any]


def one_step_is_enough(source: Source, every: Sequence[Node]) -> Iterator[Problem]:
    """Yield a file of one step: there is nothing to orchestrate."""
    if len(every) == 1 and not every[0].pattern:
        message = "one step by one agent: the agent alone is enough, and can ask for a gate itself"
        yield source.problem(every[0].place, message)


def pattern_is_used(source: Source, every: Sequence[Node]) -> Iterator[Problem]:
    """Yield every block whose pattern has nothing to choose, with what would do instead."""
    for node in every:
        simpler = _SIMPLER.get(node.pattern)
        if simpler and (message := simpler(node.plain)):
            yield source.problem((*node.place, "pattern"), message)


def _sequential(plain: Plain) -> str:
    return (
        "a sequence of one step; the step alone does the same" if len(plain["steps"]) == 1 else ""
    )


def _concurrent(plain: Plain) -> str:
    alone = len(plain.get("branches", ())) == 1 or plain.get("foreach", {}).get("cap") == 1
    return "one branch at most; a step does the same" if alone else ""


def _group_chat(plain: Plain) -> str:
    rounds = plain["terminate"]["max_rounds"]
    return "one round is no talk; concurrent asks all of them at once" if rounds == 1 else ""


def _handoff(plain: Plain) -> str:
    chosen = any(len(targets) > 1 for targets in plain["transitions"].values())
    must = plain.get("must_handoff", True)
    fixed = not chosen and must is True and not {"requires", "alternates"} & plain.keys()
    return "nobody has a choice of whom to hand over to; sequential does the same" if fixed else ""


def _magentic(plain: Plain) -> str:
    team = {*plain["team"].get("include", ()), *plain["team"].get("candidates", ())}
    return "a manager of one agent; sequential does the same" if len(team) == 1 else ""


_SIMPLER: Mapping[str, Callable[[Plain], str]] = {
    "sequential": _sequential,
    "concurrent": _concurrent,
    "group_chat": _group_chat,
    "handoff": _handoff,
    "magentic": _magentic,
}
