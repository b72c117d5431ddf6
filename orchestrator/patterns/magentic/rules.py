"""The rules of a magentic block, read from its fields. Every limit is finite and declared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """What the block never exceeds. `max_ledger_retries` is of one ledger, the rest of the block.

    `max_depth` is handed on, less one, to agents that start runs of their own.
    """

    max_rounds: int
    max_stalls: int
    max_replans: int
    max_ledger_retries: int
    max_plan_revisions: int
    max_team: int
    max_depth: int


@dataclass(frozen=True, slots=True)
class Criterion:
    """What success means, and who says whether it holds: `cel`, an `agent` or a `human`."""

    id: str
    text: str
    check: str
    expression: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """Who leads, who may work, which plans people see, and what success is."""

    manager: str
    goal: str
    constraints: tuple[str, ...]
    included: tuple[str, ...]
    candidates: tuple[str, ...]
    plan_review: str
    criteria: tuple[Criterion, ...]
    limits: Limits

    @property
    def eligible(self) -> tuple[str, ...]:
        """Return everybody who may be on the team."""
        return (*self.included, *self.candidates)


def rules_of(options: Mapping[str, Any]) -> Rules:
    """Return the rules in a block's fields that passed `options.schema.json`."""
    team = options["team"]
    return Rules(
        manager=options["manager"],
        goal=options["goal"],
        constraints=tuple(options.get("constraints", ())),
        included=tuple(team.get("include", ())),
        candidates=tuple(team.get("candidates", ())),
        plan_review=options.get("plan_review", "initial"),
        criteria=tuple(Criterion(**plain) for plain in options["success_criteria"]),
        limits=Limits(**options["limits"]),
    )


def agents_named(options: Mapping[str, Any]) -> frozenset[str]:
    """Return every agent that the block may ask for anything."""
    rules = rules_of(options)
    judges = (criterion.agent for criterion in rules.criteria)
    return frozenset({rules.manager, *rules.eligible, *judges} - {""})
