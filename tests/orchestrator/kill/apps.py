import os
from pathlib import Path

from django.apps import AppConfig


class KillConfig(AppConfig):
    name = "tests.orchestrator.kill"

    def ready(self) -> None:
        """Give the worker the ledger that waits at named pipes, or the points to die at."""
        # Factories import models, which exist only now.
        from governance import adapters  # noqa: PLC0415
        from tests.factories import governance  # noqa: PLC0415
        from tests.orchestrator.kill import points  # noqa: PLC0415
        from tests.orchestrator.kill.slow_ledger import SlowLedger  # noqa: PLC0415

        if place := os.environ.get(points.PLACE):
            points.install(Path(place))
            return
        adapters._adapters[governance.LEDGER.slug] = SlowLedger()
