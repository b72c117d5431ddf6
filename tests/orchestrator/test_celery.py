"""Workers keep their connection to the database from task to task."""

import psycopg
import pytest
from celery.fixups.django import DjangoFixup
from django.db import connection

from audit import statements
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


@pytest.mark.postgres
def test_a_task_does_not_go_on_with_a_connection_that_was_lost_meanwhile(
    committed_db: CommittedDatabase,
) -> None:
    statements.moment()
    lost = connection.connection
    known = connection.get_connection_params()
    where = {key: known[key] for key in ("host", "port", "dbname", "user") if key in known}
    with psycopg.connect(**where, autocommit=True) as another:
        # It waits until the connection has ended.
        another.execute("SELECT pg_terminate_backend(%s, 60000)", [lost.info.backend_pid])
    keep_what_works(sender=advance_run)
    statements.moment()
    assert connection.connection is not lost
