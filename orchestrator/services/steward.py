"""One small loop that finds what was lost and what is due; it leads by lease, others wait."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event
from time import monotonic

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from audit import triggers
from governance.services import alerts, contracts, gates, notices, warrants
from orchestrator.selectors.leadership import STEWARD
from orchestrator.services import burning, leadership
from orchestrator.services.sweep import sweep

logger = logging.getLogger(__name__)

WAITING_SECONDS = 1
LEASE_IN_SWEEPS = 3


@dataclass(slots=True)
class Job:
    """Something due again and again, safe to repeat and to run beside itself.

    `every` is in seconds; 0 means at every sweep.
    """

    name: str
    run: Callable[[], object]
    every: float = 0
    _next: float = field(default=0, repr=False)

    def is_due(self) -> bool:
        """Whether to run now; asking counts as running."""
        now = monotonic()
        if now < self._next:
            return False
        self._next = now + self.every
        return True


def check_triggers() -> None:
    """Say so when somebody took away what keeps the log from being rewritten."""
    if gone := triggers.missing():
        logger.critical("the log is not guarded: trigger %s is missing", ", ".join(gone))


JOBS: Sequence[Job] = (
    Job("sweep", sweep),
    Job("gates", gates.expire_due),
    Job("warrants", warrants.expire_due),
    Job("contracts", contracts.expire_due),
    Job("budgets", alerts.tell_due),
    Job("burn rate", burning.hold_up_fast),
    Job("notices", notices.hand_out_due),
    Job("triggers", check_triggers, every=3600),
)


def lease() -> timedelta:
    """Return how long a leader that fell silent keeps the others waiting."""
    return timedelta(seconds=settings.SWEEP_SECONDS * LEASE_IN_SWEEPS)


def serve(*, holder: str, stop: Event) -> None:
    """Sweep whenever it is due and we lead, until `stop` is set."""
    while not stop.is_set():
        leads = _tick(holder)
        stop.wait(
            settings.SWEEP_SECONDS if leads else min(WAITING_SECONDS, settings.SWEEP_SECONDS)
        )
    leadership.give_up(role=STEWARD, holder=holder)


def _tick(holder: str) -> bool:
    close_old_connections()
    try:
        if leadership.lead(role=STEWARD, holder=holder, lease=lease()) is None:
            return False
    except DatabaseError as error:
        logger.error("the steward cannot reach the database: %s", error)  # noqa: TRY400 - expected
        return False
    work(JOBS)
    return True


def work(jobs: Sequence[Job]) -> None:
    """Run every due job; one that fails is logged and keeps none of the others from running."""
    for job in jobs:
        try:
            if job.is_due():
                job.run()
        except Exception:
            logger.exception("the steward's job %s failed", job.name)
