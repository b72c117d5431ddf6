"""What a gate policy asks for, and how the demands of several gates combine.

Joining only ever tightens, and it is associative, commutative and idempotent: the order in which
policies match can never change who must agree.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import Any

ASSURANCE = ("session", "mfa", "passkey")
PARTIES = ("initiator", "owner", "sponsor")
DECIDE_WITHIN = timedelta(hours=24)
VALID_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Obligations:
    """Who must agree and under which conditions; the default value asks for nothing.

    `seats` are `(group, quorum)` pairs, one per group, sorted. `distinct_from` are parties that
    nobody who agrees may be. A time that no policy names is None.
    """

    seats: tuple[tuple[str, int], ...] = ()
    distinct_from: tuple[str, ...] = ()
    assurance: str = ASSURANCE[0]
    decide_within: timedelta | None = None
    valid_for: timedelta | None = None
    comment: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the form kept with the verdict, with the times that apply, in whole seconds."""
        return {
            "seats": [{"group": group, "quorum": quorum} for group, quorum in self.seats],
            "distinct_from": list(self.distinct_from),
            "assurance": self.assurance,
            "decide_within_seconds": _seconds(self.decide_within or DECIDE_WITHIN),
            "valid_for_seconds": _seconds(self.valid_for or VALID_FOR),
            "comment": self.comment,
        }


def demanded(said: Mapping[str, Any]) -> Obligations:
    """Read what a proposal asks for beside policy, as an action keeps it."""
    within = said.get("decide_within_seconds")
    return Obligations(
        seats=tuple(sorted((group, said["quorum"]) for group in said["groups"])),
        distinct_from=tuple(sorted(said.get("distinct_from", ()))),
        decide_within=None if within is None else timedelta(seconds=within),
    )


def join(many: Iterable[Obligations]) -> Obligations:
    """Return what satisfies all of `many` at once."""
    return reduce(_both, many, Obligations())


def _both(a: Obligations, b: Obligations) -> Obligations:
    return Obligations(
        seats=_highest(dict(a.seats), dict(b.seats)),
        distinct_from=tuple(sorted({*a.distinct_from, *b.distinct_from})),
        assurance=max(a.assurance, b.assurance, key=ASSURANCE.index),
        decide_within=_shortest(a.decide_within, b.decide_within),
        valid_for=_shortest(a.valid_for, b.valid_for),
        comment=a.comment or b.comment,
    )


def _highest(a: Mapping[str, int], b: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((group, max(a.get(group, 0), b.get(group, 0))) for group in sorted({*a, *b}))


def _shortest(a: timedelta | None, b: timedelta | None) -> timedelta | None:
    return min((length for length in (a, b) if length is not None), default=None)


def _seconds(length: timedelta) -> int:
    return int(length.total_seconds())
