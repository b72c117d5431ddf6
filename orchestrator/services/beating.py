"""Keeps a claim while a call blocks that nobody can interrupt."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from django.db import DatabaseError, connection

from orchestrator.runners.base import TurnLostError
from orchestrator.services import claims
from orchestrator.services.claims import Claim

BEATS_PER_LEASE = 3

logger = logging.getLogger(__name__)


@contextmanager
def beating(claim: Claim) -> Iterator[None]:
    """Prolong the claim from a thread of its own until the block ends.

    A claim that is lost is not reported here: the transaction that takes the result over finds
    out by the epoch, and the target knows the effect by its key.
    """
    stop = Event()
    thread = Thread(target=_beat, args=(claim, stop), name=f"beat-{claim.step_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def beat(claim: Claim, *, agent_must_be_active: bool = False) -> None:
    """Prolong the claim now; a database that is away for a moment costs nobody the work done.

    Raises TurnLostError. The next beat connects anew, and whether the claim outlived the outage
    is said by the transaction that takes the result over.
    """
    try:
        claims.heartbeat(claim, agent_must_be_active=agent_must_be_active)
    except DatabaseError as error:
        logger.warning("the claim on step %s was not prolonged: %s", claim.step_id, error)
        connection.close()


def _beat(claim: Claim, stop: Event) -> None:
    pause = claim.lease.total_seconds() / BEATS_PER_LEASE
    try:
        while not stop.wait(pause):
            beat(claim)
    except TurnLostError as lost:
        logger.warning("%s", lost)
    finally:
        connection.close()
