"""The rules of a group chat, read from the fields of its block. Every limit is finite."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_PROPOSALS = 12


@dataclass(frozen=True, slots=True)
class Speaking:
    """Who may speak next, and who says so.

    `never_after` maps a participant to those it never speaks directly after. `fallback` is for
    a chooser that names nobody eligible.
    """

    by: str
    agent: str
    rule: str
    fallback: str
    allow_repeat: bool
    must_speak: tuple[str, ...]
    never_after: Mapping[str, tuple[str, ...]]

    def may_follow(self, name: str, last: str) -> bool:
        """Whether `name` may have the turn after `last`."""
        repeats = name == last and not self.allow_repeat
        return not repeats and last not in self.never_after.get(name, ())


@dataclass(frozen=True, slots=True)
class Voting:
    """How a proposal wins.

    `quorum` counts papers of live voters that choose, so abstaining never fills it. Live is who
    is in service when the ballot is counted, and has answered: that it was in service and held
    its claim is what makes its paper count. Of whom nothing is known is not live.
    """

    method: str
    quorum: int
    tie_break: tuple[str, ...]
    judge: str
    vetoers: tuple[str, ...]
    from_round: int
    max_proposals: int


@dataclass(frozen=True, slots=True)
class Rules:
    """A chat's rules. A round is as many turns as the chat has participants."""

    participants: tuple[str, ...]
    speaking: Speaking
    voting: Voting
    max_rounds: int
    predicate: str
    no_progress: bool

    @property
    def turns_in_a_round(self) -> int:
        """Return how many turns make a round; a removed participant does not shorten it."""
        return len(self.participants)


def rules_of(options: Mapping[str, Any]) -> Rules:
    """Return the rules in a block's fields that passed `options.schema.json`."""
    participants = tuple(options["participants"])
    terminate = options["terminate"]
    return Rules(
        participants=participants,
        speaking=_speaking(options.get("speaker", {})),
        voting=_voting(options["consensus"], participants),
        max_rounds=terminate["max_rounds"],
        predicate=terminate.get("predicate", ""),
        no_progress=terminate.get("no_progress", True),
    )


def agents_named(options: Mapping[str, Any]) -> frozenset[str]:
    """Return every agent that the block may ask for anything."""
    rules = rules_of(options)
    return frozenset({*rules.participants, rules.speaking.agent, rules.voting.judge} - {""})


def voters(options: Mapping[str, Any]) -> frozenset[str]:
    """Return everybody who may have a vote in the block."""
    rules = rules_of(options)
    is_judged = rules.voting.method == "judge"
    return frozenset({rules.voting.judge} if is_judged else rules.participants)


def _speaking(plain: Mapping[str, Any]) -> Speaking:
    never_after = plain.get("never_after", {})
    return Speaking(
        by=plain.get("by", "round_robin"),
        agent=plain.get("agent", ""),
        rule=plain.get("rule", ""),
        fallback=plain.get("fallback", "escalate"),
        allow_repeat=plain.get("allow_repeat", False),
        must_speak=tuple(plain.get("must_speak", ())),
        never_after={name: tuple(others) for name, others in never_after.items()},
    )


def _voting(plain: Mapping[str, Any], participants: tuple[str, ...]) -> Voting:
    more_than_half = len(participants) // 2 + 1
    return Voting(
        method=plain["method"],
        quorum=1 if plain["method"] == "judge" else plain.get("quorum", more_than_half),
        tie_break=tuple(plain["tie_break"]),
        judge=plain.get("judge", ""),
        vetoers=tuple(plain.get("vetoers", ())),
        from_round=plain.get("from_round", 1),
        max_proposals=plain.get("max_proposals", MAX_PROPOSALS),
    )
