from django.apps import AppConfig


class KillConfig(AppConfig):
    name = "tests.orchestrator.kill"

    def ready(self) -> None:
        """Give the worker the ledgers that wait at named pipes."""
        # Factories import models, which exist only now.
        from tests.orchestrator.kill import slow_ledger  # noqa: PLC0415

        slow_ledger.install()
