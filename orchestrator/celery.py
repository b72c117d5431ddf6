"""The Celery application. Messages carry ids only; every one of them may be lost."""

import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator.settings")

app = Celery("countersign")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect
def keep_what_works(sender: Any, **_: object) -> None:
    """Let a task go on with the connection of the one before, as requests do.

    A new one knows no statement and no table yet: on PostgreSQL it made a step take twice as long.
    """
    if not sender.request.is_eager:
        close_old_connections()
