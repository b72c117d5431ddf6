"""A process beside a running product that calls its services, as its console does.

The test process cannot: Playwright keeps an event loop running in it, and its database is
another one.
"""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

from tests.harness.instances import OURS

SECONDS = 120
P = ParamSpec("P")
T = TypeVar("T")


class Backstage:
    """One process on the data directory of a product that is ready."""

    def __init__(self, data_dir: Path) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _enter, (str(data_dir),))

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of a module over there; what comes and goes is plain data."""
        return self._pool.submit(function, *args, **kwargs).result(SECONDS)

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()


def _enter(data_dir: str) -> None:
    for name in OURS:
        os.environ.pop(name, None)
    os.environ["COUNTERSIGN_DATA_DIR"] = data_dir
    os.environ["DJANGO_SETTINGS_MODULE"] = "orchestrator.settings"
    import django  # noqa: PLC0415 - the environment decides its settings

    django.setup()
