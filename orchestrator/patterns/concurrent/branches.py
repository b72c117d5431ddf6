"""What is done side by side: the branches of the file, or one for each shard of a list.

The same fields and the same scope make the same branches, so nothing needs to be remembered.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from audit.canonical import canonical_bytes
from orchestrator.patterns.base import PlannedStep
from orchestrator.workflow.expressions import ExpressionError, evaluate


class ExpansionError(Exception):
    """The list of a foreach makes no branches, or more than its cap."""

    def __init__(self, state: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.state, self.code, self.detail = state, code, detail


@dataclass(frozen=True, slots=True)
class Branch:
    """One of the things done side by side: a step of the file, at a path of its own.

    `given` are names that only its expressions see.
    """

    path: str
    step: PlannedStep
    given: Mapping[str, Any] = field(default_factory=dict)


def branches_of(
    plan: Sequence[PlannedStep], options: Mapping[str, Any], scope: Mapping[str, Any]
) -> tuple[Branch, ...]:
    """Return the branches in the order in which they are declared; raises ExpansionError.

    Those of a foreach have numbers for paths, and all do its one step.
    """
    foreach = options.get("foreach")
    if foreach is None:
        return tuple(Branch(step.path, step) for step in plan)
    shards = list(_shards(_items(foreach["in"], scope), foreach.get("shard")))
    if len(shards) > foreach["cap"]:
        detail = f"The list makes {len(shards)} branches; at most {foreach['cap']} are allowed."
        raise ExpansionError("escalated", "limit_reached", detail)
    [do] = plan
    name = foreach["as"]
    return tuple(Branch(str(n), do, {name: value}) for n, value in shards)


def check_given(branches: Sequence[Branch]) -> None:
    """Raise ExpansionError if what branches are given could not be kept with the run."""
    try:
        canonical_bytes([dict(branch.given) for branch in branches])
    except ValueError as error:
        detail = f"The list holds what cannot be kept: {error}"
        raise ExpansionError("failed", "invalid_list", detail[:300]) from None


def _items(expression: str, scope: Mapping[str, Any]) -> list[Any]:
    try:
        items = evaluate(expression, scope)
    except ExpressionError as error:
        raise ExpansionError("failed", "invalid_list", str(error)) from None
    if not isinstance(items, list):
        detail = f"{expression.strip()} is not a list."
        raise ExpansionError("failed", "invalid_list", detail)
    return items


def _shards(items: list[Any], shard: Mapping[str, Any] | None) -> Iterator[tuple[int, Any]]:
    """Yield each branch's number and what it is given: an item, or a list of them."""
    if not items or shard is None:
        return enumerate(items)
    if shard["strategy"] == "hash":
        return _by_hash(items, shard["count"])
    if shard["strategy"] == "size":
        return enumerate(_cut(items, range(0, len(items) + shard["size"], shard["size"])))
    count = min(shard.get("count") or math.ceil(len(items) / shard["size"]), len(items))
    return enumerate(_cut(items, [len(items) * n // count for n in range(count + 1)]))


def _cut(items: list[Any], cuts: Sequence[int]) -> Iterator[list[Any]]:
    return (items[start:end] for start, end in pairwise(cuts))


def _by_hash(items: list[Any], count: int) -> Iterator[tuple[int, list[Any]]]:
    """Deal items by what they are, so one is in the same shard whatever else the list holds."""
    shards: list[list[Any]] = [[] for _ in range(count)]
    for item in items:
        text = json.dumps(item, sort_keys=True, default=repr)
        digest = hashlib.sha256(text.encode()).digest()
        shards[int.from_bytes(digest) % count].append(item)
    return ((number, shard) for number, shard in enumerate(shards) if shard)
