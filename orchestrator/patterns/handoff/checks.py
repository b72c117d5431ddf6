"""What a schema cannot say about a handoff: edges that exist, agents that are reached, an end."""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from orchestrator.patterns.children import misfit
from orchestrator.patterns.handoff.envelope import envelope_schema
from orchestrator.patterns.handoff.rules import Rules, agents_named, rules_of

Place = tuple[str | int, ...]
_READABLE = ("inputs", "steps", "outputs", "handoff")


def problems(options: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yield everything wrong with fields that passed `options.schema.json`, and where."""
    rules = rules_of(options)
    yield from _graph(rules, agents_named(options))
    yield from _edges(rules)
    yield from _alternates(rules)
    yield from _envelope(rules)


def expressions(options: Mapping[str, Any]) -> Iterator[tuple[Place, str, tuple[str, ...]]]:
    """Yield every CEL expression of the fields, where it stands and the names it may read."""
    for (sender, receiver), expression in rules_of(options).requires.items():
        yield ("requires", sender, receiver), expression, _READABLE


def _graph(rules: Rules, agents: frozenset[str]) -> Iterator[tuple[Place, str]]:
    reached = _reached(rules, rules.start)
    for agent in sorted(agents):
        place: Place = ("transitions", agent) if agent in rules.transitions else ("transitions",)
        if agent in rules.targets(agent):
            yield place, f"{agent!r} hands over to itself"
        if agent not in reached:
            yield place, f"{agent!r} is never reached from {rules.start!r}"
        elif not any(rules.may_finish(end) for end in _reached(rules, agent)):
            yield place, f"the work can never end once {agent!r} holds it"
    for agent in sorted(rules.must_handoff - set(rules.transitions)):
        yield ("must_handoff",), f"{agent!r} has nobody to hand over to"


def _reached(rules: Rules, start: str) -> set[str]:
    reached: set[str] = set()
    ahead = {start}
    while ahead:
        reached |= ahead
        targets = {target for agent in ahead for target in rules.targets(agent)}
        ahead = {name for target in targets for name in rules.candidates(target)} - reached
    return reached


def _edges(rules: Rules) -> Iterator[tuple[Place, str]]:
    for key, edges in (("requires", rules.requires), ("gates", rules.gates)):
        for sender, receiver in edges:
            if receiver not in rules.targets(sender):
                yield (key, sender, receiver), f"{sender!r} has no transition to {receiver!r}"


def _alternates(rules: Rules) -> Iterator[tuple[Place, str]]:
    targets = {name for names in rules.transitions.values() for name in names}
    for target, others in rules.alternates.items():
        if target not in targets:
            yield ("alternates", target), f"nobody hands over to {target!r}"
        if target in others:
            yield ("alternates", target), f"{target!r} is its own alternate"


def _envelope(rules: Rules) -> Iterator[tuple[Place, str]]:
    try:
        misfit({}, envelope_schema(["nobody"], rules.envelope))
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        yield ("envelope",), f"envelope is not a JSON Schema: {error.message[:300]}"
