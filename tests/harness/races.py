"""Races on purpose: threads with connections of their own, released by one barrier."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connections

WAIT_SECONDS = 120

Race = Callable[..., list[object]]


def race(*contenders: Callable[[], object]) -> list[object]:
    """Call every contender at the same moment; return each one's result or exception, in order."""
    barrier = threading.Barrier(len(contenders))

    def run(contender: Callable[[], object]) -> object:
        try:
            connections["default"].ensure_connection()
            barrier.wait(WAIT_SECONDS)
            return contender()
        except Exception as error:  # noqa: BLE001 - losing a race is an answer here
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(contenders)) as pool:
        return list(pool.map(run, contenders))
