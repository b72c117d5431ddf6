"""What the team's turns came to. An answer that breaks its shape is a failed turn."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.patterns.base import PastStep
from orchestrator.patterns.children import fault_of
from orchestrator.patterns.magentic.task_ledger import Item, TaskLedger, closed

_ARTIFACT = closed(
    ["name", "digest"],
    name={"type": "string", "minLength": 1, "maxLength": 200},
    digest={"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
)
ANSWER = {
    "type": "object",
    "properties": {
        "artifacts": {"type": "array", "maxItems": 100, "items": _ARTIFACT},
        "errors": {"type": "integer", "minimum": 0},
    },
}


@dataclass(frozen=True, slots=True)
class Result:
    """One turn of a member that ended. `mark` is equal where the outcome is the same."""

    item: Item
    round: int
    plan_version: int
    state: str
    error_code: str
    output: Mapping[str, Any]
    mark: str

    def as_json(self) -> dict[str, Any]:
        """Return the result as agents, people and expressions read it."""
        return {
            "item": self.item.id,
            "agent": self.item.agent,
            "round": self.round,
            "plan_version": self.plan_version,
            "state": self.state,
            "error_code": self.error_code,
            "output": dict(self.output),
        }


def result_of(turn: PastStep, item: Item, *, round: int, plan_version: int) -> Result:
    """Return what a member's turn came to; nothing is taken from one that failed."""
    fault = fault_of(turn, ANSWER)
    state = "failed" if fault else "succeeded"
    code, output = (fault.code, {}) if fault else ("", turn.output)
    told = json.dumps([item.agent, state, code, output], sort_keys=True)
    mark = hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()
    return Result(item, round, plan_version, state, code, output, mark)


def latest_by_item(results: Iterable[Result]) -> dict[str, Result]:
    """Return the last result of every item."""
    return {result.item.id: result for result in results}


def done_in(ledger: TaskLedger, results: Iterable[Result]) -> list[str]:
    """Return the items of a plan whose last turn succeeded at the work they now ask for."""
    latest = latest_by_item(results)
    return [
        item.id
        for item in ledger.items.values()
        if (last := latest.get(item.id))
        and last.state == "succeeded"
        and item.is_work_of(last.item)
    ]


def outputs_by_agent(results: Sequence[Result]) -> dict[str, Mapping[str, Any]]:
    """Return what every agent brought last; nothing of one whose last turn failed."""
    latest = {result.item.agent: result for result in results}
    return {agent: last.output for agent, last in latest.items() if last.state == "succeeded"}
