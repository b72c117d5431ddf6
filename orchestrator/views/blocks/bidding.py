"""A step offered to peers: each announcement, who answered what, who won by which rule.

Nothing of a paper is shown before its announcement is opened: by the award, by the next
announcement or by the end of the step, as `orchestrator.selectors.sealed` has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from governance.budgeting.amounts import usd
from orchestrator.patterns.states import FINAL
from orchestrator.selectors.blocks import Offered
from orchestrator.topologies.announcement import Announcement
from orchestrator.topologies.decentralized import announcements
from orchestrator.topologies.papers import ANNOUNCED_AGAIN

# What stands in an opened answer that did not count, and how it is shown.
_NO_BID = {"decline": "declined", "missing": "missing", "refused": "refused"}
# What a peer may bid is longer than anything that could be shown: ten thousand days are enough.
LONGEST_ETA_S = 864_000_000
RULES: Mapping[str, str | Promise] = {
    "lowest_price": _("the lowest price"),
    "earliest_eta": _("whoever is done first"),
    "best_score": _("the best score of price, time and confidence"),
    "vote": _("a vote of peers"),
}
REASONS: Mapping[str, str | Promise] = {
    "late": _("nothing came in time"),
    "max_bids": _("enough bids had come"),
    "reserve_price": _("above the reserve price"),
    "no_self_award": _("the work is from its own owner"),
    "invalid_answer": _("the answer was no bid"),
    "agent_not_active": _("out of service"),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """One peer's answer. `state` is a look of the kind `bid`; sealed ones have nothing else.

    `price` is in dollars, `confidence` a percentage; without a price there was no bid.
    """

    peer: str
    state: str
    price: str = ""
    eta_s: int = 0
    confidence: int = 0
    reason: str | Promise = ""
    vote: str = ""


@dataclass(frozen=True, slots=True)
class Round:
    """One announcement: until when peers may bid, and what came of it once it is opened."""

    number: int
    until: datetime | None
    is_open: bool
    is_voting: bool
    lacks_quorum: bool
    offers: Sequence[Offer]


@dataclass(frozen=True, slots=True)
class Bidding:
    """The work as it was offered. `most` is how often it may be announced, people included."""

    crew: str
    rule: str | Promise
    rounds: Sequence[Round]
    most: int
    max_bids: int | None
    reserve_price: str
    barred: Sequence[str]
    reasons: Sequence[str]


def shown(offered: Offered, names: Mapping[str, str]) -> Bidding:
    """Return the announcements that were made, with the agents' registered names."""
    every = announcements(offered.step, offered.history)
    made = [one for one in every if one.is_made]
    rules = every[0].rules
    return Bidding(
        crew=offered.step.agent,
        rule=RULES[rules.award],
        rounds=[_round(one, offered, names, is_last=one is made[-1]) for one in made],
        most=len(every),
        max_bids=rules.max_bids,
        reserve_price="" if rules.reserve_price is None else usd(rules.reserve_price),
        barred=[names.get(name, name) for name in every[0].barred],
        reasons=[str(text) for text in offered.step.options.get(ANNOUNCED_AGAIN, ())],
    )


def _round(
    one: Announcement, offered: Offered, names: Mapping[str, str], *, is_last: bool
) -> Round:
    is_open = not is_last or offered.is_over or any(map(one.was_asked, one.peers))
    has_voted = "votes-due" in one.children
    clock = "votes-due" if has_voted else "bids-due"
    tell = _opened if is_open else _sealed
    return Round(
        number=one.number + 1,
        until=offered.clocks.get((clock, one.number)),
        is_open=is_open,
        is_voting=has_voted and not is_open,
        lacks_quorum=is_open and has_voted and not one.has_quorum,
        offers=[tell(one, name, names) for name in one.peers],
    )


def _sealed(one: Announcement, name: str, names: Mapping[str, str]) -> Offer:
    child = one.children[f"bid-{name}"]
    return Offer(names.get(name, name), "sealed" if child.state in FINAL else "asked")


def _opened(one: Announcement, name: str, names: Mapping[str, str]) -> Offer:
    said = one.opened()[name]
    state, reason = _standing(one, name, said)
    vote = _vote(one, name)
    return Offer(
        peer=names.get(name, name),
        state=state,
        price=usd(said["price_micro_usd"]) if "price_micro_usd" in said else "",
        eta_s=min(said.get("eta_s", 0), LONGEST_ETA_S),
        confidence=round(said.get("confidence", 0) * 100),
        reason=REASONS.get(reason, reason),
        vote=names.get(vote, vote),
    )


def _standing(one: Announcement, name: str, said: Mapping[str, Any]) -> tuple[str, str]:
    """Return where a peer stands in an opened announcement, and why it does not have the work."""
    for key, state in _NO_BID.items():
        if key in said:
            return state, str(said[key])
    if not one.was_asked(name):
        return "bid", ""
    if one.has_accepted(name) and not one.is_gone(name):
        return "won", ""
    if one.waits_for("ack", [name], f"due-{name}"):
        return "accepting", ""
    return "lost", one.why_not(name)


def _vote(one: Announcement, name: str) -> str:
    """Return for whom a peer voted, if it did."""
    if "votes-due" not in one.children:
        return ""
    return str(one.votes.get(name, {}).get("vote", ""))
