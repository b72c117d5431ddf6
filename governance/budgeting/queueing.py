"""Who gets a budget next, of those that wait for it.

The order is by priority, then by how little is left to spend: who needs least is soonest done and
lets go. Waiting counts as priority, so that nobody waits for ever. Nobody overtakes on a level
that somebody before it waits for.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from governance.budgeting.levels import Level

AGEING_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Waiter:
    """A run that waits. `needs` says how much of which level, by the level's id."""

    id: str
    priority: int
    waited_seconds: int
    left: int
    needs: Mapping[int, int]


def in_order(waiters: Collection[Waiter]) -> list[Waiter]:
    """Return who comes first; ten minutes of waiting count as much as one step of priority."""
    return sorted(waiters, key=_rank)


def next_to_go(waiters: Collection[Waiter], levels: Mapping[int, Level]) -> Sequence[str]:
    """Return the ids of those that fit now, in order.

    One that would not fit if all others let go stands in nobody's way: only people can help it.
    """
    free, blocked, going = dict(levels), set[int](), list[str]()
    for waiter in in_order(waiters):
        answers = {free[level].answer(need) for level, need in waiter.needs.items()}
        if "exhausted" in answers:
            continue
        if "wait" in answers or blocked & waiter.needs.keys():
            blocked |= waiter.needs.keys()
            continue
        for level, need in waiter.needs.items():
            free[level] = free[level].hold(need)
        going.append(waiter.id)
    return going


def _rank(waiter: Waiter) -> tuple[int, int, int, str]:
    aged = waiter.priority + waiter.waited_seconds // AGEING_SECONDS
    return -aged, waiter.left, -waiter.waited_seconds, waiter.id
