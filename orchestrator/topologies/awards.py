"""Who is awarded a piece of work: pure functions of the bids, so that any worker may award it.

Equal bids are told apart by a digest over announcement and agent, which nobody can aim for
without being somebody else.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from fractions import Fraction
from typing import Any

from orchestrator.patterns.group_chat.ballots import count

Bids = Mapping[str, Mapping[str, Any]]
_Loss = Callable[[str], Fraction | int]


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
