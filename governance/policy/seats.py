"""Who sits where: reviews are assigned to seats by maximum bipartite matching.

One person fills at most one seat, a person's latest review counts, and one rejection by somebody
who could have filled a seat decides. The order in which reviews are listed changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from governance.policy.obligations import ASSURANCE

Outcome = Literal["approved", "rejected", "pending"]


@dataclass(frozen=True, slots=True)
class SeatDemand:
    """`count` distinct people of `group`, each with at least `assurance`."""

    group: str
    count: int
    assurance: str = ASSURANCE[0]


@dataclass(frozen=True, slots=True)
class Vote:
    """A review as the assignment sees it.

    `groups` are those whose seats this person may fill, separation of duties already applied
    and judged at the moment of counting; a person of no group has no vote.
    """

    review: str
    person: str
    ordinal: int
    approves: bool
    assurance: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class Tally:
    """What the reviews so far amount to. `filled` names the reviews in each group's seats."""

    outcome: Outcome
    proof: tuple[str, ...] = ()
    filled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def tally(seats: Sequence[SeatDemand], votes: Iterable[Vote]) -> Tally:
    """Count the latest vote of every person; no seats at all can never be approved."""
    counted = [vote for vote in _latest(votes) if vote.groups & {seat.group for seat in seats}]
    rejections = tuple(vote.review for vote in counted if not vote.approves)
    if rejections:
        return Tally("rejected", rejections)
    wishes = {vote.review: _fillable(vote, seats) for vote in counted}
    seated = _matching(wishes, seats)
    complete = bool(seats) and len(seated) == sum(seat.count for seat in seats)
    return Tally("approved" if complete else "pending", tuple(seated), _by_group(seated))


def can_be_filled(seats: Sequence[SeatDemand], people: Mapping[str, frozenset[str]]) -> bool:
    """Whether `people` (each with the groups they may sit for) could fill every seat at once."""
    seated = _matching(dict(sorted(people.items())), seats)
    return bool(seats) and len(seated) == sum(seat.count for seat in seats)


def _latest(votes: Iterable[Vote]) -> list[Vote]:
    newest: dict[str, Vote] = {}
    for vote in sorted(votes, key=lambda vote: vote.ordinal):
        newest[vote.person] = vote
    return sorted(newest.values(), key=lambda vote: vote.ordinal)


def _fillable(vote: Vote, seats: Sequence[SeatDemand]) -> frozenset[str]:
    strength = ASSURANCE.index(vote.assurance)
    return frozenset(
        seat.group
        for seat in seats
        if seat.group in vote.groups and strength >= ASSURANCE.index(seat.assurance)
    )


def _matching(wishes: Mapping[str, frozenset[str]], seats: Sequence[SeatDemand]) -> dict[str, str]:
    """Seat as many as possible (Kuhn's augmenting paths): returns who sits for which group."""
    chairs = [(seat.group, n) for seat in sorted(seats, key=_group) for n in range(seat.count)]
    taken: dict[tuple[str, int], str] = {}

    def seat(someone: str, tried: set[tuple[str, int]]) -> bool:
        for chair in chairs:
            if chair[0] not in wishes[someone] or chair in tried:
                continue
            tried.add(chair)
            if chair not in taken or seat(taken[chair], tried):
                taken[chair] = someone
                return True
        return False

    for someone in wishes:
        seat(someone, set())
    sitting = {someone: chair[0] for chair, someone in taken.items()}
    return {someone: sitting[someone] for someone in wishes if someone in sitting}


def _group(seat: SeatDemand) -> str:
    return seat.group


def _by_group(seated: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for someone, group in seated.items():
        groups[group] = (*groups.get(group, ()), someone)
    return groups
