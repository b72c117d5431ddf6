"""Deterministic checkpoints: what must hold of a step's output before the run goes on.

stop ends the run; human leaves the step to a person; retry lets the agent try again, as often as
a step is tried at all; postpone asks people by a gate whether the run goes on with it as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.patterns.base import CheckpointRule
from orchestrator.workflow.expressions import holds

# The route that weighs most comes first.
ROUTES = ("stop", "human", "retry", "postpone")
FAILED = "checkpoint_failed"
# What the stream calls a checkpoint that did not hold, by its route.
EVENTS: Mapping[str, str] = {
    "stop": "checkpoint.failed",
    "human": "checkpoint.escalated",
    "retry": "checkpoint.retried",
    "postpone": "checkpoint.postponed",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules say of an output. `route` is empty when all of them hold."""

    route: str
    message: str


def judge(
    rules: Sequence[CheckpointRule],
    *,
    outputs: Mapping[str, Any],
    inputs: Mapping[str, Any],
    exhibits: Sequence[Mapping[str, Any]] = (),
) -> Judged:
    """Return where the run goes: of several rules that do not hold, the gravest decides.

    A rule that cannot be evaluated does not hold.
    """
    seen = {"outputs": outputs, "inputs": inputs, "exhibits": list(exhibits)}
    broken = [rule for rule in rules if not holds(rule.require, seen)]
    for route in ROUTES:
        messages = [rule.message for rule in broken if rule.route == route]
        if messages:
            return Judged(route, " ".join(messages))
    return Judged("", "")
