"""A concurrent block as its branches: how many came to what, and what brings them together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.patterns.base import History
from orchestrator.patterns.concurrent.branches import ExpansionError
from orchestrator.patterns.concurrent.fan import AGGREGATE, DEADLINE, fan_of
from orchestrator.workflow.step_plans import duration

# The order in which people want to know.
_ORDER = (
    *("escalated", "failed", "rejected", "timed_out", "awaiting_approval", "awaiting_input"),
    *("awaiting_budget", "backoff", "running", "ready", "blocked", "succeeded", "skipped"),
    "cancelled",
)


@dataclass(frozen=True, slots=True)
class Branches:
    """How the branches stand: `(state, how many)`, the loudest first."""

    total: int
    states: Sequence[tuple[str, int]]
    policy: str
    need: int | None
    max_parallel: int
    deadline: timedelta | None


def shown(history: History, names: Mapping[str, str]) -> Branches | None:
    """Return the branches; None for a list that could not be expanded, which its error says."""
    try:
        fan = fan_of(history)
    except ExpansionError:
        return None
    known = {path: one for path, one in fan.children.items() if path not in (AGGREGATE, DEADLINE)}
    states = Counter(known[path].state if path in known else "blocked" for path in fan.paths)
    return Branches(
        total=len(fan.paths),
        states=[(state, states[state]) for state in _ORDER if states[state]],
        policy=fan.join.policy,
        need=fan.join.need,
        max_parallel=fan.max_parallel,
        deadline=duration(fan.deadline) if fan.deadline else None,
    )
