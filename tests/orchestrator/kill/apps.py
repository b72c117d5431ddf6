import os
from pathlib import Path

from django.apps import AppConfig


class KillConfig(AppConfig):
    name = "tests.orchestrator.kill"

    def ready(self) -> None:
        """Give the worker the ledgers that wait where a test wants it, or the points to die at."""
        from tests.orchestrator.kill import lapsing, points, slow_ledger  # noqa: PLC0415 - models

        lapsing.install()
        if place := os.environ.get(points.PLACE):
            points.install(Path(place))
            return
        slow_ledger.install()
