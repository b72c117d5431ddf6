"""Whether a run spends much faster than others of its workflow did."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

# How much faster than the median is too fast, and of how many runs there has to be one.
TIMES = 3
LEAST_RUNS = 5
# Nothing is said about a run younger than this, or about so little money a minute.
LEAST_SECONDS = 60
LEAST_MICRO_USD = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """What was spent in which time; a shorter time than a minute counts as one."""

    spent: int
    seconds: float

    @property
    def per_minute(self) -> int:
        """Return millionths of a dollar a minute."""
        return int(self.spent * 60 / max(self.seconds, LEAST_SECONDS))


def usual(before: Sequence[Rate]) -> int | None:
    """Return what runs of the workflow usually spend a minute; None while too few are known."""
    if len(before) < LEAST_RUNS:
        return None
    return int(median(rate.per_minute for rate in before))


def is_too_fast(rate: Rate, before: Sequence[Rate]) -> bool:
    """Whether the run spends more than three times as much a minute as is usual."""
    known = usual(before)
    if known is None or rate.per_minute < LEAST_MICRO_USD:
        return False
    return rate.per_minute > TIMES * known
