"""A process beside a running product that calls its services, as its console does.

The test process cannot: Playwright keeps an event loop running in it, and its database is
another one.
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

from tests.harness.instances import OURS

SECONDS = 120
P = ParamSpec("P")
T = TypeVar("T")


class Backstage:
    """One process on the data directory of a product that is ready, with its environment."""

    def __init__(self, data_dir: Path, extra: Mapping[str, str]) -> None:
        here = {**extra, "COUNTERSIGN_DATA_DIR": str(data_dir)}
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _enter, (here,))

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of a module over there; what comes and goes is plain data."""
        return self._pool.submit(function, *args, **kwargs).result(SECONDS)

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()


def _enter(here: Mapping[str, str]) -> None:
    for name in OURS:
        os.environ.pop(name, None)
    os.environ.update(here)
    os.environ["DJANGO_SETTINGS_MODULE"] = "orchestrator.settings"
    import django  # noqa: PLC0415 - the environment decides its settings

    django.setup()
