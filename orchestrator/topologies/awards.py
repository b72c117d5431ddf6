"""Who is awarded a piece of work: pure functions of the bids, so that any worker may award it.

Equal bids are told apart by a digest over announcement and agent, which nobody can aim for
without being somebody else.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from orchestrator.patterns.group_chat.ballots import count

Bids = Mapping[str, Mapping[str, Any]]
_Loss = Callable[[str], Fraction | int]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A paper that fits its schema: whose it is, and its rank among all that ended in the run."""

    peer: str
    paper: Mapping[str, Any]
    order: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a bid has to keep to. `closed` is the rank at which the time for bids was over.

    Those who are `barred` have the work from their own owner.
    """

    closed: int | None = None
    reserve_price: int | None = None
    max_bids: int | None = None
    barred: frozenset[str] = frozenset()


def refused(arrivals: Iterable[Arrival], terms: Terms) -> dict[str, str]:
    """Return why papers cannot win, by peer; everybody else's can.

    A cap is filled in the order in which bids came, and only by bids that may win: so nobody
    can keep others out with one that may not.
    """
    because: dict[str, str] = {}
    room = terms.max_bids
    for one in sorted(arrivals, key=lambda one: one.order):
        if why := _fault_of(one, terms):
            because[one.peer] = why
        elif room == 0:
            because[one.peer] = "max_bids"
        elif room is not None:
            room -= 1
    return because


def _fault_of(one: Arrival, terms: Terms) -> str:
    """Return why a paper cannot win, whatever the others say; nothing if it can."""
    if one.peer in terms.barred:
        return "no_self_award"
    if terms.closed is not None and one.order > terms.closed:
        return "late"
    if "decline" in one.paper:
        return "declined"
    most = terms.reserve_price
    is_dear = most is not None and int(one.paper["price_micro_usd"]) > most
    return "reserve_price" if is_dear else ""


def ranked(announcement: str, bids: Bids, loss: _Loss) -> tuple[str, ...]:
    """Return the bidders, the one to be awarded first; the least loss wins."""
    return tuple(sorted(bids, key=lambda name: (loss(name), _lot(announcement, name))))


def by_bid(
    announcement: str, award: str, bids: Bids, weights: Mapping[str, int]
) -> tuple[str, ...]:
    """Return the bidders in the order of an award rule that looks at the bids alone."""
    if award == "lowest_price":
        return ranked(announcement, bids, lambda name: int(bids[name]["price_micro_usd"]))
    if award == "earliest_eta":
        return ranked(announcement, bids, lambda name: int(bids[name]["eta_s"]))
    return ranked(announcement, bids, lambda name: -_score(bids, name, weights))


def by_votes(
    announcement: str, bids: Bids, papers: Collection[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return the bidders in the order of the votes that peers cast for them."""
    votes = count("majority", sorted(bids), papers, quorum=0).points
    return ranked(announcement, bids, lambda name: -votes[name])


def _score(bids: Bids, name: str, weights: Mapping[str, int]) -> Fraction:
    """Return confidence less price and time, each as a share of the highest that was bid."""
    bid = bids[name]
    confidence = Fraction(str(bid["confidence"])) * weights["confidence"]
    price = _share(bids, bid, "price_micro_usd") * weights["price"]
    return confidence - price - _share(bids, bid, "eta_s") * weights["eta"]


def _share(bids: Bids, bid: Mapping[str, Any], key: str) -> Fraction:
    return Fraction(int(bid[key]), max(1, *(int(other[key]) for other in bids.values())))


def _lot(announcement: str, name: str) -> str:
    return hashlib.sha256(f"{announcement}|{name}".encode()).hexdigest()
