"""One small loop that finds what was lost and what is due; it leads by lease, others wait."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from orchestrator.services import leadership

logger = logging.getLogger(__name__)

ROLE = "steward"
WAITING_SECONDS = 1
LEASE_IN_SWEEPS = 3


@dataclass(frozen=True, slots=True)
class Job:
    """Something due again and again, safe to repeat and to run beside itself."""

    name: str
    run: Callable[[], object]


JOBS: Sequence[Job] = ()


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
    leadership.give_up(role=ROLE, holder=holder)


def _tick(holder: str) -> bool:
    close_old_connections()
    try:
        if leadership.lead(role=ROLE, holder=holder, lease=lease()) is None:
            return False
    except DatabaseError as error:
        logger.error("the steward cannot reach the database: %s", error)  # noqa: TRY400 - expected
        return False
    sweep(JOBS)
    return True


def sweep(jobs: Sequence[Job]) -> None:
    """Run every job once; one that fails is logged and keeps none of the others from running."""
    for job in jobs:
        try:
            job.run()
        except Exception:
            logger.exception("the steward's job %s failed", job.name)
