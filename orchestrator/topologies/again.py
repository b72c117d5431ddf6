"""Work that nobody took, and how often people may announce it again."""

from collections.abc import Mapping
from typing import Any

from orchestrator.topologies.papers import ANNOUNCED_AGAIN, NOBODY_TOOK_IT, rules_of


def was_in_vain(alias: str, error_code: str) -> bool:
    """Whether a step was offered to peers and nobody took it; no block around it has an alias."""
    return bool(alias) and error_code == NOBODY_TOOK_IT


def times(task: Mapping[str, Any]) -> int:
    """Return how often people have announced the work again."""
    return len(task.get(ANNOUNCED_AGAIN, ()))


def times_left(task: Mapping[str, Any], options: Mapping[str, Any]) -> int:
    """Return how often people still may, by the topology's fields of the file."""
    return max(0, rules_of(options).people_may_reannounce - times(task))


def announced_again(task: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Return the work as it is announced once more: peers read why."""
    return {**task, ANNOUNCED_AGAIN: [*task.get(ANNOUNCED_AGAIN, ()), reason]}
