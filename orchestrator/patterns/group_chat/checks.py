"""What a schema cannot say about a group chat: names that must fit, limits that must meet."""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.patterns.group_chat.rules import Rules, rules_of

Place = tuple[str | int, ...]
_CHAT = ("thread", "proposals", "participants", "last", "turn", "round")
_READABLE = ("inputs", "steps", *_CHAT)


def problems(options: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yield everything wrong with fields that passed `options.schema.json`, and where."""
    rules = rules_of(options)
    yield from _strangers(rules)
    yield from _limits(rules)
    yield from _left_alone(rules)


def expressions(options: Mapping[str, Any]) -> Iterator[tuple[Place, str, tuple[str, ...]]]:
    """Yield every CEL expression of the fields, where it stands and the names it may read."""
    rules = rules_of(options)
    if rules.predicate:
        yield ("terminate", "predicate"), rules.predicate, _READABLE
    if rules.speaking.rule:
        yield ("speaker", "rule"), rules.speaking.rule, (*_READABLE, "eligible")


def _strangers(rules: Rules) -> Iterator[tuple[Place, str]]:
    never_after = rules.speaking.never_after
    named: dict[Place, tuple[str, ...]] = {
        ("speaker", "must_speak"): rules.speaking.must_speak,
        ("speaker", "never_after"): tuple(never_after),
        **{("speaker", "never_after", name): never_after[name] for name in never_after},
        ("consensus", "vetoers"): rules.voting.vetoers,
    }
    for place, names in named.items():
        for name in names:
            if name not in rules.participants:
                yield place, f"{name!r} is not a participant"


def _limits(rules: Rules) -> Iterator[tuple[Place, str]]:
    present = len(rules.participants)
    if rules.voting.quorum > present:
        message = f"a quorum of {rules.voting.quorum} among {present} participants is never met"
        yield ("consensus", "quorum"), message
    if rules.voting.from_round > rules.max_rounds:
        yield ("consensus", "from_round"), "the chat ends before its first ballot"


def _left_alone(rules: Rules) -> Iterator[tuple[Place, str]]:
    for last in rules.participants:
        if not any(rules.speaking.may_follow(name, last) for name in rules.participants):
            yield ("speaker", "never_after"), f"nobody may speak after {last!r}"
