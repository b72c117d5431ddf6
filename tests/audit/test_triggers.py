"""The database refuses to rewrite the log, whoever asks and however."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, Q
from django.test.utils import isolate_apps, override_settings

from audit import registry, triggers
from audit.models import Event, Payload, Stream
from audit.triggers.tables import table_of
from tests.factories.audit import note

# ruff: noqa: S608, ISC004 - what is tried here is SQL, put together from our own names

COLUMNS = (
    "stream_id, seq, prev, hash, type, actor_kind, actor_id, object_kind, object_id, domain_id,"
    " occurred_at, envelope"
)
FORGED = COLUMNS.replace("envelope", "'forged'")


@pytest.fixture
def log(db: None) -> Iterator[None]:
    """Three events of two streams; whatever a test tries, they must be the same afterwards."""
    for stream in ("note:1", "note:1", "note:2"):
        note(stream)
    if connection.vendor == "postgresql":
        execute("SET CONSTRAINTS ALL IMMEDIATE")  # a pending foreign key would refuse TRUNCATE too
    before = contents()
    yield
    assert contents() == before


def contents() -> list[list[Any]]:
    return [list(model.objects.order_by("pk").values()) for model in (Stream, Event, Payload)]


def refused(statement: str) -> None:
    with pytest.raises(IntegrityError, match="refuses"), transaction.atomic():
        execute(statement)


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("table", ["audit_event", "audit_payload", "audit_stream"])
def test_no_row_is_deleted(log: None, table: str) -> None:
    refused(f"DELETE FROM {table}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET actor_id = 'mallory'",
        "UPDATE audit_event SET id = id + 1000 WHERE seq = 2",
        "UPDATE audit_event SET seq = 9 WHERE seq = 2",
        "UPDATE audit_event SET envelope = envelope",
        "UPDATE audit_payload SET fields = '{}'",
        "UPDATE audit_payload SET salts = '{}'",
    ],
)
def test_no_row_is_changed(log: None, statement: str) -> None:
    refused(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_stream SET last_seq = last_seq - 1",
        "UPDATE audit_stream SET head = ''",
        "UPDATE audit_stream SET kind = 'memo', last_seq = last_seq + 1",
        "UPDATE audit_stream SET object_id = object_id || '0', last_seq = last_seq + 1",
        "UPDATE audit_stream SET domain_id = 'd2', last_seq = last_seq + 1",
        "UPDATE audit_stream SET id = id + 1000, last_seq = last_seq + 1",
    ],
)
def test_a_stream_only_moves_on(log: None, statement: str) -> None:
    refused(statement)


def test_the_orm_is_refused_as_well(log: None) -> None:
    event = Event.objects.earliest("pk")
    for attempt in (
        lambda: Event.objects.update(seq=F("seq") + 10),
        event.payload.delete,
        event.save,
        lambda: Event.objects.bulk_create(
            [event], update_conflicts=True, unique_fields=["id"], update_fields=["actor_id"]
        ),
    ):
        with pytest.raises(IntegrityError, match="refuses"), transaction.atomic():
            attempt()


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT INTO audit_event (id, {COLUMNS}) SELECT id, {FORGED} FROM audit_event WHERE true"
        " ON CONFLICT (id) DO UPDATE SET envelope = 'forged'",
        f"INSERT INTO audit_event ({COLUMNS}) SELECT {FORGED} FROM audit_event WHERE true"
        " ON CONFLICT (stream_id, seq) DO UPDATE SET envelope = 'forged'",
        "INSERT INTO audit_payload SELECT * FROM audit_payload WHERE true"
        " ON CONFLICT (event_id) DO UPDATE SET fields = 'forged'",
    ],
)
def test_no_row_is_changed_by_an_upsert(log: None, statement: str) -> None:
    refused(statement)


SQLITE_ONLY = [
    f"INSERT OR REPLACE INTO audit_event (id, {COLUMNS}) SELECT id, {FORGED} FROM audit_event",
    f"REPLACE INTO audit_event ({COLUMNS}) SELECT {FORGED} FROM audit_event",
    "UPDATE OR REPLACE audit_event SET seq = 2",
    "REPLACE INTO audit_payload SELECT event_id, 'forged', 'forged' FROM audit_payload",
    "UPDATE OR REPLACE audit_payload SET event_id = 1",
    "REPLACE INTO audit_stream SELECT * FROM audit_stream",
    "REPLACE INTO audit_stream (kind, object_id, domain_id, last_seq, head)"
    " SELECT kind, object_id, domain_id, 0, '' FROM audit_stream",
    "UPDATE OR REPLACE audit_stream SET object_id = '1', last_seq = 9",
]


@pytest.mark.parametrize("statement", SQLITE_ONLY)
def test_no_row_is_replaced(log: None, statement: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("REPLACE is a word of SQLite")
    refused(statement)


POSTGRESQL_ONLY = [
    "TRUNCATE audit_payload",
    "TRUNCATE audit_event CASCADE",
    "TRUNCATE audit_stream CASCADE",
    "MERGE INTO audit_payload p USING audit_event e ON p.event_id = e.id WHEN MATCHED THEN DELETE",
    "MERGE INTO audit_event e USING audit_stream s ON e.stream_id = s.id"
    " WHEN MATCHED THEN UPDATE SET envelope = 'forged'",
]


@pytest.mark.postgres
@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize(
    "statement", [*POSTGRESQL_ONLY, "DELETE FROM audit_event", "UPDATE audit_event SET seq = 9"]
)
def test_no_session_setting_opens_the_log(log: None, role: str, statement: str) -> None:
    execute(f"SET LOCAL session_replication_role = {role}")
    refused(statement)


def test_every_append_only_model_is_guarded(db: None) -> None:
    assert {"audit.Event", "audit.Payload"} <= set(registry.append_only())
    assert triggers.missing() == []


def test_a_dropped_trigger_is_missed_and_comes_back(db: None) -> None:
    drop("audit_event_refuses_update", "audit_event")
    assert triggers.missing() == ["audit_event_refuses_update"]
    triggers.install()
    assert triggers.missing() == []


def test_a_trigger_of_the_right_name_that_does_nothing_is_missed(db: None) -> None:
    drop("audit_event_refuses_delete", "audit_event")
    if connection.vendor == "sqlite":
        execute(
            "CREATE TRIGGER audit_event_refuses_delete BEFORE DELETE ON audit_event"
            " BEGIN SELECT 1; END"
        )
    else:
        execute(
            "CREATE TRIGGER audit_event_refuses_delete BEFORE DELETE ON audit_event"
            " FOR EACH ROW WHEN (OLD.seq < 0) EXECUTE FUNCTION countersign_refuse()"
        )
    assert triggers.missing() == ["audit_event_refuses_delete"]


@pytest.mark.postgres
@pytest.mark.parametrize("how", ["DISABLE TRIGGER", "ENABLE TRIGGER", "ENABLE REPLICA TRIGGER"])
def test_a_trigger_that_is_not_always_on_is_missed(db: None, how: str) -> None:
    execute(f"ALTER TABLE audit_event {how} audit_event_refuses_update")
    assert triggers.missing() == ["audit_event_refuses_update"]


@pytest.mark.postgres
def test_a_replaced_function_is_missed(db: None) -> None:
    execute(
        "CREATE OR REPLACE FUNCTION countersign_refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN OLD; END $$"
    )
    assert {"audit_event_refuses_update", "audit_stream_refuses_delete"} <= set(triggers.missing())


def drop(name: str, table: str) -> None:
    execute(f"DROP TRIGGER {name}" + ("" if connection.vendor == "sqlite" else f" ON {table}"))


def test_a_later_migration_that_rebuilds_the_tables_gets_its_triggers_back(
    committed_db: object,
) -> None:
    note()
    with override_settings(MIGRATION_MODULES={"audit": "tests.audit.later_migrations"}):
        call_command("migrate", verbosity=0)
    assert triggers.missing() == []
    with connection.cursor() as cursor:
        description = connection.introspection.get_table_description(cursor, "audit_stream")
    assert next(c for c in description if c.name == "head").display_size == 128
    refused("UPDATE audit_event SET seq = 9")
    refused("DELETE FROM audit_payload")
    refused("DELETE FROM audit_stream")
    note("note:1")


@isolate_apps("audit")
def test_a_conditional_unique_constraint_cannot_be_guarded() -> None:
    class Loose(models.Model):
        name = models.CharField(max_length=9)

        class Meta:
            app_label = "audit"
            constraints = [
                models.UniqueConstraint(fields=["name"], condition=Q(name="x"), name="once")
            ]

        def __str__(self) -> str:
            return self.name

    with pytest.raises(ImproperlyConfigured, match=re.escape("audit.Loose is append-only")):
        table_of(Loose)
