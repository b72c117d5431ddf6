"""Deterministic checkpoints: what must hold of a step's output before the run goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.workflow.definition import CheckpointRule
from orchestrator.workflow.expressions import holds


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules say of an output. `route` is empty when all of them hold."""

    route: str
    message: str


def judge(
    rules: Sequence[CheckpointRule], *, outputs: Mapping[str, Any], inputs: Mapping[str, Any]
) -> Judged:
    """Return where the run goes: a rule that stops it outweighs one that postpones.

    A rule that cannot be evaluated does not hold.
    """
    broken = [r for r in rules if not holds(r.require, {"outputs": outputs, "inputs": inputs})]
    for route in ("stop", "postpone"):
        messages = [rule.message for rule in broken if rule.route == route]
        if messages:
            return Judged(route, " ".join(messages))
    return Judged("", "")
