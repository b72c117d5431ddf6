"""What peers are asked about a piece of work, and the shape of their answers (engine.md 4.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.patterns.group_chat.ballots import REASON, paper_schema

# How the names of papers begin that nobody reads before the award.
SEALED = ("bid-", "vote-")
# Why work needs a person that was announced in vain; and what its task says once a person has
# announced it again: for what reason, each time.
NOBODY_TOOK_IT = "nobody_took_it"
ANNOUNCED_AGAIN = "announced_again"
_MOST = 10**15
_CLOSED: Mapping[str, Any] = {"type": "object", "additionalProperties": False}

BID: Mapping[str, Any] = {
    **_CLOSED,
    "properties": {
        "price_micro_usd": {"type": "integer", "minimum": 0, "maximum": _MOST},
        "eta_s": {"type": "integer", "minimum": 0, "maximum": _MOST},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "capacity": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
        "decline": {"type": "string", "minLength": 1, "maxLength": 400},
    },
    "oneOf": [
        {"required": ["price_micro_usd", "eta_s", "confidence"], "not": {"required": ["decline"]}},
        {"required": ["decline"], "maxProperties": 1},
    ],
}
ACKNOWLEDGEMENT: Mapping[str, Any] = {
    **_CLOSED,
    "required": ["accept"],
    "properties": {"accept": {"type": "boolean"}, "reason": REASON},
}


@dataclass(frozen=True, slots=True)
class Rules:
    """How the file wants work to be announced and awarded; durations as it writes them.

    `quorum` is a percentage, of the voters in service.
    """

    award: str
    bid_deadline: str
    ack_timeout: str
    max_reannounce: int
    people_may_reannounce: int
    reserve_price: int | None
    weights: Mapping[str, int]
    max_bids: int | None
    no_self_award: bool
    quorum: int


def rules_of(options: Mapping[str, Any]) -> Rules:
    """Return the rules in the topology's fields that passed the schema."""
    return Rules(
        award=options["award"],
        bid_deadline=options["bid_deadline"],
        ack_timeout=options["ack_timeout"],
        max_reannounce=options.get("max_reannounce", 2),
        people_may_reannounce=options.get("people_may_reannounce", 3),
        reserve_price=options.get("reserve_price_micro_usd"),
        weights={"price": 1, "eta": 1, "confidence": 1, **options.get("weights", {})},
        max_bids=options.get("max_bids"),
        no_self_award=options.get("no_self_award", False),
        quorum=options.get("quorum_percent", 0),
    )


def call_for_bids(announcement: str, rules: Rules, work: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every peer is told; none is told who else was, or what they bid."""
    told: dict[str, Any] = {
        "id": announcement,
        "award": rules.award,
        "bid_deadline": rules.bid_deadline,
    }
    if rules.reserve_price is not None:
        told["reserve_price_micro_usd"] = rules.reserve_price
    if rules.max_bids is not None:
        told["max_bids"] = rules.max_bids
    return {"announcement": told, "work": dict(work), "answer": BID}


def call_for_votes(announcement: str, bids: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what voters are told once bidding is over: the bids, sealed no more."""
    names = sorted(bids)
    opened = [{"bidder": name, **bids[name]} for name in names]
    answer = paper_schema("majority", names, may_veto=False)
    return {"election": {"id": announcement, "bids": opened}, "answer": answer}


def question_to_winner(
    announcement: str, bid: Mapping[str, Any], work: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the winner is told, which it accepts or declines."""
    told = {"id": announcement, "bid": dict(bid)}
    return {"award": told, "work": dict(work), "answer": ACKNOWLEDGEMENT}
