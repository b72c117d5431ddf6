from threading import Event

import pytest

from orchestrator.runners.base import TurnLostError
from orchestrator.runners.waiting import CallTimedOutError, wait_for


def alive() -> None:
    """Say that the claim is kept."""


def lost() -> None:
    raise TurnLostError


def test_what_the_call_returns_or_raises_comes_back() -> None:
    assert wait_for(lambda: 3, seconds=60, heartbeat=alive) == 3
    with pytest.raises(ZeroDivisionError):
        wait_for(lambda: 1 // 0, seconds=60, heartbeat=alive)


def test_a_call_that_takes_too_long_is_left_alone() -> None:
    closed = Event()
    with pytest.raises(CallTimedOutError):
        wait_for(lambda: closed.wait(20), seconds=0.1, heartbeat=alive, abandon=closed.set)
    assert closed.is_set()


def test_a_claim_that_is_lost_ends_the_wait_at_once() -> None:
    closed = Event()
    with pytest.raises(TurnLostError):
        wait_for(lambda: closed.wait(20), seconds=60, heartbeat=lost, abandon=closed.set)
    assert closed.is_set()
