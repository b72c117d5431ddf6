"""What went wrong with a step, try by try, and what changed from one try to the next."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from django.db.models import Sum

from orchestrator.models import Attempt
from orchestrator.selectors.run_view import AttemptRow, StepRow

# Of so many tries a step ends with a person; a person may have let it begin again.
MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Change:
    """What a try said went wrong that the one before it did not say, and the other way round.

    `lines` begin with + or -; none means that it failed in the very same way.
    """

    before: int
    after: int
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Spent:
    """What a step was charged so far, all its tries together."""

    attempts: int
    cost_micro_usd: int


def failures_of(step: StepRow) -> tuple[AttemptRow, ...]:
    """Return the last tries of the step that came to nothing, oldest first."""
    failed = [one for one in step.attempts if one.error_code or one.outcome == "crashed"]
    return tuple(failed[-MOST_SHOWN:])


def changes_in(failures: Sequence[AttemptRow]) -> tuple[Change, ...]:
    """Return what each failure says otherwise than the one before it."""
    return tuple(
        Change(before.number, after.number, _difference(before, after))
        for before, after in pairwise(failures)
    )


def spent_on(step_id: UUID) -> Spent:
    """Return what the tries of a step cost, as they were charged."""
    tries = Attempt.objects.filter(step=step_id)
    return Spent(tries.count(), tries.aggregate(sum=Sum("cost_micro_usd"))["sum"] or 0)


def _difference(before: AttemptRow, after: AttemptRow) -> tuple[str, ...]:
    lines = difflib.ndiff(_said(before), _said(after))
    return tuple(line for line in lines if line[0] in "+-")


def _said(attempt: AttemptRow) -> list[str]:
    return [attempt.error_code or attempt.outcome, *attempt.error_detail.splitlines()]
