"""Workers keep their connection to the database from task to task."""

from celery.fixups.django import DjangoFixup
from django.db import connection

from orchestrator.celery import app, keep_what_works
from orchestrator.tasks import advance_run
from tests.harness.databases import CommittedDatabase


def test_a_task_goes_on_with_the_connection_of_the_one_before(
    committed_db: CommittedDatabase,
) -> None:
    connection.ensure_connection()
    before = connection.connection
    fixup = DjangoFixup(app).worker_fixup
    fixup.on_task_postrun(advance_run)
    fixup.on_task_prerun(advance_run)
    keep_what_works(sender=advance_run)
    assert connection.connection is before is not None


def test_a_task_does_not_go_on_with_a_connection_that_is_too_old(
    committed_db: CommittedDatabase,
) -> None:
    connection.ensure_connection()
    connection.close_at = 0.0
    keep_what_works(sender=advance_run)
    assert connection.connection is None
