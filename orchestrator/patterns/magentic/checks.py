"""What a schema cannot say about a magentic block: roles kept apart, a team that fits."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.patterns.magentic.rules import Rules, rules_of

Place = tuple[str | int, ...]
_READABLE = ("inputs", "steps", "outputs", "results")


def problems(options: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yield everything wrong with fields that passed `options.schema.json`, and where."""
    rules = rules_of(options)
    yield from _team(rules)
    yield from _criteria(rules)


def expressions(options: Mapping[str, Any]) -> Iterator[tuple[Place, str, tuple[str, ...]]]:
    """Yield every CEL expression of the fields, where it stands and the names it may read."""
    for number, criterion in enumerate(rules_of(options).criteria):
        if criterion.expression:
            place = ("success_criteria", number, "expression")
            yield place, criterion.expression, _READABLE


def _team(rules: Rules) -> Iterator[tuple[Place, str]]:
    if rules.manager in rules.eligible:
        yield ("team",), f"{rules.manager!r} gives out the work and cannot take any"
    for name in rules.candidates:
        if name in rules.included:
            yield ("team", "candidates"), f"{name!r} is included already"
    if len(rules.included) > rules.limits.max_team:
        message = f"{len(rules.included)} agents are more than the team of {rules.limits.max_team}"
        yield ("team", "include"), message


def _criteria(rules: Rules) -> Iterator[tuple[Place, str]]:
    times = Counter(criterion.id for criterion in rules.criteria)
    for number, criterion in enumerate(rules.criteria):
        if times[criterion.id] > 1:
            yield ("success_criteria", number, "id"), f"{criterion.id!r} is not unique"
        if criterion.agent == rules.manager:
            message = f"{rules.manager!r} claims success and cannot confirm it"
            yield ("success_criteria", number, "agent"), message
