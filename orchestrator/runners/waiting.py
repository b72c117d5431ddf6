"""Waits for a call that nobody can interrupt, keeping the claim on the step meanwhile."""

import time
from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

from orchestrator.runners.base import Heartbeat

Answer = TypeVar("Answer")
BEAT_SECONDS = 3.0


class CallTimedOutError(Exception):
    """The call did not end in time; what it still brings is dropped."""


class _Call(Thread, Generic[Answer]):
    """The call, in a thread of its own that never touches the database."""

    def __init__(self, work: Callable[[], Answer]) -> None:
        super().__init__(name="runner-call", daemon=True)
        self._work = work
        self.answers: list[Answer] = []
        self.errors: list[Exception] = []

    def run(self) -> None:
        """Keep what the call came to, whatever it is."""
        try:
            self.answers.append(self._work())
        except Exception as error:  # noqa: BLE001 - raised again where the call is waited for
            self.errors.append(error)


def wait_for(
    work: Callable[[], Answer],
    *,
    seconds: float,
    heartbeat: Heartbeat,
    abandon: Callable[[], None] = lambda: None,
) -> Answer:
    """Return what `work` returns, or raise what it raises; raises CallTimedOutError.

    `abandon` closes what the call works with, once nobody waits for it any more: the time is
    over, or the heartbeat has said that the claim is lost.
    """
    call = _Call(work)
    ends = time.monotonic() + seconds
    call.start()
    try:
        while call.is_alive():
            heartbeat()
            left = ends - time.monotonic()
            if left <= 0:
                raise CallTimedOutError
            call.join(min(BEAT_SECONDS, left))
    finally:
        if call.is_alive():
            abandon()
    if call.errors:
        raise call.errors[0]
    return call.answers[0]
