from django.apps import AppConfig


class OrchestratorConfig(AppConfig):
    name = "orchestrator"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the log and governance what this app brings, and listen to news of gates."""
        from orchestrator import log, receivers, tools  # noqa: PLC0415 - models exist only now

        log.register()
        tools.register()
        receivers.connect()
