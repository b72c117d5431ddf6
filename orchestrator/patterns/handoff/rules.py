"""The rules of a handoff, read from the fields of its block. Every limit is finite."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_HANDOFFS = 10
MAX_VISITS = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may hand over to whom, and on what conditions. Edges are keyed `(from, to)`.

    `requires` holds CEL, `gates` what people are asked, `alternates` who is offered the work
    when somebody declines it.
    """

    start: str
    transitions: Mapping[str, tuple[str, ...]]
    must_handoff: frozenset[str]
    envelope: Mapping[str, Any]
    requires: Mapping[tuple[str, str], str]
    gates: Mapping[tuple[str, str], str]
    alternates: Mapping[str, tuple[str, ...]]
    max_handoffs: int
    max_visits: int

    def targets(self, agent: str) -> tuple[str, ...]:
        """Return whom `agent` may hand over to; nobody makes it a terminal agent."""
        return self.transitions.get(agent, ())

    def may_finish(self, agent: str) -> bool:
        """Whether the work may end with `agent`."""
        return not self.targets(agent) or agent not in self.must_handoff

    def candidates(self, target: str) -> tuple[str, ...]:
        """Return who is offered what is meant for `target`, in order."""
        return (target, *self.alternates.get(target, ()))


def rules_of(options: Mapping[str, Any]) -> Rules:
    """Return the rules in a block's fields that passed `options.schema.json`."""
    transitions = {name: tuple(targets) for name, targets in options["transitions"].items()}
    alternates = options.get("alternates", {})
    return Rules(
        start=options["start"],
        transitions=transitions,
        must_handoff=_must_handoff(options.get("must_handoff", True), transitions),
        envelope=options.get("envelope", {"type": "object"}),
        requires=_edges(options.get("requires", {})),
        gates=_edges(options.get("gates", {})),
        alternates={name: tuple(others) for name, others in alternates.items()},
        max_handoffs=options.get("max_handoffs", MAX_HANDOFFS),
        max_visits=options.get("max_visits", MAX_VISITS),
    )


def agents_named(options: Mapping[str, Any]) -> frozenset[str]:
    """Return every agent that the block may ask for anything."""
    rules = rules_of(options)
    graph = (rules.transitions, rules.alternates)
    named = {name for edges in graph for targets in edges.values() for name in targets}
    return frozenset({rules.start, *rules.transitions, *named})


def _must_handoff(plain: Any, transitions: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    if isinstance(plain, bool):
        return frozenset(transitions) if plain else frozenset()
    return frozenset(plain)


def _edges(plain: Mapping[str, Mapping[str, str]]) -> dict[tuple[str, str], str]:
    return {(a, b): text for a, targets in plain.items() for b, text in targets.items()}
