"""What stands at the children of a block: who is under way, and whose answer can be used.

Answers are data from strangers. Nothing in one is believed before its shape is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonschema_rs

from orchestrator.patterns.base import Finish, History, PastStep, Wait
from orchestrator.patterns.states import FINAL, reason_to_wait

STRIKES = 3
_LONGEST_MESSAGE = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an answer cannot be used, for the agent that gave it and for people."""

    code: str
    detail: str

    def as_json(self) -> dict[str, str]:
        """Return the fault as an agent reads it in its next task."""
        return {"code": self.code, "detail": self.detail}


def interruption(history: History) -> Wait | Finish | None:
    """Return the move that a child forces, whatever its pattern would like to do next.

    A rejected child rejects the block, one that needs a person stops it there, one that is under
    way is waited for. A pattern that gets None stands still: all its children have ended.
    """
    past = sorted(history.past, key=lambda child: (child.path, child.iteration))
    under_way = [child for child in past if child.state not in FINAL | {"escalated"}]
    for child in past:
        if child.state == "rejected":
            others = [(other.path, other.iteration) for other in under_way]
            return Finish("rejected", child.path, child.error_code, cancel=others)
    for child in past:
        if child.state == "escalated":
            return Finish("escalated", child.path, child.error_code)
    return Wait(reason_to_wait(under_way)) if under_way else None


def children(history: History, path: str) -> tuple[PastStep, ...]:
    """Return the children at `path` in the order in which they were asked."""
    found = (child for child in history.past if child.path == path)
    return tuple(sorted(found, key=lambda child: child.iteration))


def next_iteration(history: History, path: str) -> int:
    """Return the iteration that no child at `path` has yet."""
    return max((child.iteration for child in children(history, path)), default=-1) + 1


def fault_of(child: PastStep, schema: Mapping[str, Any]) -> Fault | None:
    """Return why the answer of a child that ended cannot be used; None when it can."""
    if child.state != "succeeded":
        return Fault(child.error_code or child.state, "The turn ended without an answer.")
    return misfit(child.output, schema)


def misfit(value: Any, schema: Mapping[str, Any], code: str = "invalid_answer") -> Fault | None:
    """Return where `value` breaks a JSON Schema; None when it does not."""
    error = next(_validator(json.dumps(schema, sort_keys=True)).iter_errors(value), None)
    if error is None:
        return None
    place = "/".join(str(part) for part in error.instance_path) or "the answer"
    return Fault(code, f"{place}: {error.message[:_LONGEST_MESSAGE]}")


@lru_cache(maxsize=256)
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        json.loads(schema), offline=True, pattern_options=jsonschema_rs.RegexOptions()
    )
