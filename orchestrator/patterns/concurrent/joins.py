"""When branches have come together, and whose results count (engine.md 3.2).

A join looks at the branches in the order in which they ended and is decided at the first of
them that settles it. What ended after that is late: it does not count, even if nobody looked
in between. So a join fires once, and always in the same way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.patterns.base import PastStep

_NEEDS = {"any": 1, "race": 1, "deadline": 1, "all_settled": 0}
_EAGER = frozenset({"any", "race", "quorum"})
_FAILURES = {
    "all": "fail_fast",
    "race": "fail_fast",
    "any": "quorum",
    "quorum": "quorum",
    "all_settled": "continue",
    "deadline": "continue",
}


@dataclass(frozen=True, slots=True)
class Join:
    """What brings branches together.

    `need` successes are asked for, of all that take part if None; an eager join fires with the
    last of them, another one when no branch is open. `on_failure` is fail_fast, continue or
    quorum (go on while the need can be met), `on_reject` is reject_all, drop or wait.
    """

    policy: str
    need: int | None
    is_eager: bool
    on_failure: str
    on_reject: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a join came out, and the branches that counted, in the order in which they ended."""

    state: str
    counted: tuple[PastStep, ...]
    cause: str = ""
    error_code: str = ""
    detail: str = ""


def join_of(options: Mapping[str, Any]) -> Join:
    """Return the join in a block's fields that passed `options.schema.json`."""
    plain = options.get("join", {})
    policy = plain.get("policy", "all")
    return Join(
        policy=policy,
        need=plain.get("success", _NEEDS.get(policy)),
        is_eager=policy in _EAGER,
        on_failure=options.get("on_branch_failure", _FAILURES[policy]),
        on_reject=options.get("on_branch_reject", "reject_all"),
    )


def verdict_of(join: Join, branches: int, ended: Sequence[PastStep]) -> Verdict | None:
    """Return how the join of so many branches came out; None while it is open.

    `ended` are the children that ended, in that order. A timer among them is the deadline.
    """
    tally = _Tally(join, open=branches, taking_part=branches)
    verdict = tally.settled()
    for child in ended:
        if verdict is not None:
            break
        verdict = tally.expired() if child.kind == "timer" else tally.count(child)
    return verdict


@dataclass(slots=True)
class _Tally:
    """The count so far. A skipped or dropped branch takes no part, so nothing waits for it."""

    join: Join
    open: int
    taking_part: int
    won: int = 0
    counted: list[PastStep] = field(default_factory=list)
    lost: list[PastStep] = field(default_factory=list)
    rejected: PastStep | None = None

    @property
    def need(self) -> int:
        return self.taking_part if self.join.need is None else self.join.need

    def count(self, child: PastStep) -> Verdict | None:
        """Count a branch that ended, and return the verdict if that settles the join."""
        self.counted.append(child)
        self.open -= 1
        if child.state == "succeeded":
            self.won += 1
        elif child.state == "skipped":
            self.taking_part -= 1
        elif child.state == "rejected":
            return self._reject(child)
        else:
            return self._lose(child)
        return self.settled()

    def settled(self) -> Verdict | None:
        """Return the verdict of the count as it stands; None while it is open."""
        if self.rejected is not None:
            return None if self.open else self._blamed("rejected", self.rejected)
        if self.join.is_eager and self.won >= self.need:
            return self._fired()
        if self.join.on_failure == "quorum" and self.won + self.open < self.need:
            return self._unmet("failed", "join_unmet")
        if self.open:
            return None
        return self._fired() if self.won >= self.need else self._unmet("failed", "join_unmet")

    def expired(self) -> Verdict:
        """Return the verdict at the deadline: take what is there, if it is enough."""
        if self.rejected is not None:
            return self._blamed("rejected", self.rejected)
        takes_what_is_there = not self.join.is_eager and self.join.need is not None
        if takes_what_is_there and self.won >= self.need:
            return self._fired()
        return self._unmet("timed_out", "deadline")

    def _reject(self, child: PastStep) -> Verdict | None:
        if self.join.on_reject == "reject_all":
            return self._blamed("rejected", child)
        if self.join.on_reject == "wait":
            self.rejected = self.rejected or child
        else:
            self.taking_part -= 1
        return self.settled()

    def _lose(self, child: PastStep) -> Verdict | None:
        self.lost.append(child)
        if self.join.on_failure == "fail_fast" and self.rejected is None:
            return self._blamed("failed", child)
        return self.settled()

    def _fired(self) -> Verdict:
        return Verdict("succeeded", tuple(self.counted))

    def _blamed(self, state: str, child: PastStep) -> Verdict:
        detail = f"The branch {child.path} ended: {child.state}."
        return Verdict(state, tuple(self.counted), child.path, child.error_code, detail)

    def _unmet(self, state: str, code: str) -> Verdict:
        cause = self.lost[0].path if self.lost else ""
        detail = f"{self.won} branches succeeded, and {self.need} had to."
        return Verdict(state, tuple(self.counted), cause, code, detail)
