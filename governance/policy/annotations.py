"""The annotations a policy may carry. The set is closed: an unknown key is an error."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from governance.policy.durations import parse_duration
from governance.policy.obligations import ASSURANCE, PARTIES, Obligations

MOST_SEATS = 20
SEVERITIES = ("low", "medium", "high", "critical")


class Tier(StrEnum):
    """What a policy can do: forbid for good, ask for people, or permit."""

    BOUNDARY = "boundary"
    GATE = "gate"
    PERMIT = "permit"


EFFECT_OF = {Tier.BOUNDARY: "forbid", Tier.GATE: "forbid", Tier.PERMIT: "permit"}
_ALWAYS = frozenset({"id", "tier", "severity"})
_GATE_ONLY = frozenset(
    {"quorum", "group", "assurance", "decide_within", "valid_for", "distinct_from", "comment"}
)
ALLOWED = {
    Tier.BOUNDARY: _ALWAYS | {"reason"},
    Tier.GATE: _ALWAYS | {"reason"} | _GATE_ONLY,
    Tier.PERMIT: _ALWAYS,
}


@dataclass(frozen=True, slots=True)
class Meta:
    """The annotations of one policy, read and checked."""

    id: str
    tier: Tier
    reason: str
    severity: str
    obligations: Obligations


def read(annotations: Mapping[str, str], effect: str) -> Meta:
    """Check a policy's annotations against its `effect`; raises ValueError with a remedy."""
    tier = _tier(annotations, effect)
    _only_known(annotations, tier)
    if tier is not Tier.PERMIT and not annotations.get("reason"):
        raise ValueError('give it a reason code for people, such as @reason("unsigned_commits")')
    return Meta(
        id=_slug(annotations.get("id", "")),
        tier=tier,
        reason=annotations.get("reason", ""),
        severity=_one_of(annotations.get("severity", SEVERITIES[1]), SEVERITIES, "severity"),
        obligations=_obligations(annotations) if tier is Tier.GATE else Obligations(),
    )


def _slug(text: str) -> str:
    if not text or not text.isascii() or not text.replace(".", "").replace("_", "").isalnum():
        raise ValueError(f'@id("{text}") must be letters, digits, dots and underscores')
    return text


def _tier(annotations: Mapping[str, str], effect: str) -> Tier:
    tier = Tier(_one_of(annotations.get("tier", ""), [tier.value for tier in Tier], "tier"))
    if EFFECT_OF[tier] != effect:
        raise ValueError(f"tier {tier} must be written as {EFFECT_OF[tier]}, not {effect}")
    return tier


def _only_known(annotations: Mapping[str, str], tier: Tier) -> None:
    unknown = sorted(annotations.keys() - ALLOWED[tier])
    if unknown:
        allowed = ", ".join(sorted(ALLOWED[tier]))
        raise ValueError(f"@{unknown[0]} is not allowed in tier {tier}; allowed are {allowed}")


def _obligations(annotations: Mapping[str, str]) -> Obligations:
    # A gate that names nobody asks the agent's owner, so no gate can pass without a person.
    group = _group(annotations.get("group", "owner"))
    return Obligations(
        seats=((group, _quorum(annotations.get("quorum", "1"))),),
        distinct_from=_parties(annotations.get("distinct_from", "")),
        assurance=_one_of(annotations.get("assurance", ASSURANCE[0]), ASSURANCE, "assurance"),
        decide_within=_length(annotations, "decide_within"),
        valid_for=_length(annotations, "valid_for"),
        comment=_comment(annotations),
    )


def _group(text: str) -> str:
    if not text or not text.isascii() or not text.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f'@group("{text}") must be a team, or "owner" or "sponsor"')
    return text


def _quorum(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:3]) <= MOST_SEATS:
        raise ValueError(f'@quorum("{text}") must be a whole number from 1 to {MOST_SEATS}')
    return int(text)


def _parties(text: str) -> tuple[str, ...]:
    named = {part.strip() for part in text.split(",")} if text.strip() else set()
    if not named <= set(PARTIES):
        raise ValueError(f'@distinct_from("{text}") may name {", ".join(PARTIES)}')
    return tuple(sorted(named))


def _length(annotations: Mapping[str, str], key: str) -> timedelta | None:
    return _parsed(parse_duration, annotations[key], key) if key in annotations else None


def _parsed(parse: Callable[[str], timedelta], text: str, key: str) -> timedelta:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"@{key}: {error}") from error


def _comment(annotations: Mapping[str, str]) -> bool:
    if "comment" not in annotations:
        return False
    return bool(_one_of(annotations["comment"], ["required"], "comment"))


def _one_of(text: str, allowed: list[str] | tuple[str, ...], key: str) -> str:
    if text not in allowed:
        raise ValueError(f'@{key}("{text}") must be one of {", ".join(allowed)}')
    return text
