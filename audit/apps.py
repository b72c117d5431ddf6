from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from audit import registry


def _install_triggers(*, using: str, **_: Any) -> None:
    from audit import triggers  # noqa: PLC0415 - models exist only once every app is loaded

    triggers.install(using)


class AuditConfig(AppConfig):
    name = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        registry.register_append_only("audit.Event")
        registry.register_append_only("audit.Payload")
        post_migrate.connect(_install_triggers, sender=self, dispatch_uid="audit.triggers")
