from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "governance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the log and the OpenAPI generator what this app brings."""
        from governance import log  # noqa: PLC0415 - models exist only now
        from governance.api import openapi  # noqa: F401, PLC0415 - defining registers

        log.register()
