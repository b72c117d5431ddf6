"""Whether the work still moves. The manager is asked, and then it is looked at what came of it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.patterns.magentic.results import Result

BARREN_ROUNDS = 3
SAME_ERRORS = 2

Round = Sequence[Result]


@dataclass(frozen=True, slots=True)
class Signals:
    """What can be counted without asking anybody, over the rounds of the present plan.

    `repeat_hash`: the last round brought nothing that had not been brought before.
    `no_new_artifact_rounds`: for how long no artifact was new, in work that brings artifacts.
    `same_error_count`: how often in a row the same number of errors, not none, was reported.
    """

    repeat_hash: bool = False
    no_new_artifact_rounds: int = 0
    same_error_count: int = 0

    @property
    def fire(self) -> bool:
        """Whether any of them says that the work is stuck."""
        barren = self.no_new_artifact_rounds >= BARREN_ROUNDS
        return self.repeat_hash or barren or self.same_error_count >= SAME_ERRORS

    def as_json(self) -> dict[str, Any]:
        """Return the signals as they are recorded."""
        return asdict(self)


def signals_of(rounds: Sequence[Round], *, since: int) -> Signals:
    """Return the signals of the rounds from `since` on; what is new is new among all of them."""
    if len(rounds) <= since:
        return Signals()
    fresh = _fresh([{result.mark for result in round} for round in rounds])
    artifacts = _fresh([set(_artifacts(round)) for round in rounds])
    return Signals(
        repeat_hash=not fresh[-1],
        no_new_artifact_rounds=_trailing(artifacts[since:], value=False) if any(artifacts) else 0,
        same_error_count=_same_errors(rounds[since:]),
    )


def stalls_after(count: int, *, is_stalling: bool, signals: Signals) -> int:
    """Return the stall count after a round: one more, or one less but never below none."""
    return count + 1 if is_stalling or signals.fire else max(0, count - 1)


def _fresh(rounds: Iterable[set[str]]) -> list[bool]:
    """Return of every round whether it brought something that no round before it did."""
    seen: set[str] = set()
    fresh = []
    for brought in rounds:
        fresh.append(not brought <= seen)
        seen |= brought
    return fresh


def _artifacts(round: Round) -> Iterable[str]:
    return (made["digest"] for result in round for made in result.output.get("artifacts", ()))


def _same_errors(rounds: Iterable[Round]) -> int:
    counts = [[r.output["errors"] for r in round if "errors" in r.output] for round in rounds]
    totals = [sum(reported) for reported in counts if reported]
    return _trailing(totals, value=totals[-1]) if totals and totals[-1] else 0


def _trailing(values: Sequence[int], *, value: int) -> int:
    """Return how many of the last values are `value`, without a break."""
    other = (place for place, found in enumerate(reversed(values)) if found != value)
    return next(other, len(values))
