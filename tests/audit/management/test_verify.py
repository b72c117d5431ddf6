"""`manage.py verify` says that all is well, or where it is not."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.factories.audit import note


def verify(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("verify", *arguments, stdout=out)
    except SystemExit as stop:
        return int(str(stop.code)), out.getvalue()
    return 0, out.getvalue()


def test_an_intact_log_is_one_line(db: None) -> None:
    for stream in ("note:1", "note:1", "note:2"):
        note(stream)
    assert verify() == (0, "3 events in 2 streams are intact\n")
    assert verify("--stream", "note:2") == (0, "1 event in 1 stream is intact\n")


def test_an_empty_log_is_intact(db: None) -> None:
    assert verify() == (0, "0 events in 0 streams are intact\n")


def test_one_row_edited_by_hand_is_named(committed_db: object) -> None:
    for _ in range(3):
        note()
    with connection.cursor() as cursor:
        on = " ON audit_event" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER audit_event_refuses_update{on}")
        cursor.execute("UPDATE audit_event SET actor_id = 'mallory' WHERE seq = 2")
    code, said = verify()
    assert code == 1
    trigger, event = said.splitlines()
    assert trigger.startswith("database: triggers: audit_event_refuses_update ")
    assert event.startswith("note:1#2 test.noted: columns: actor is ")


def test_a_name_that_cannot_be_a_stream_is_bad_input(db: None) -> None:
    with pytest.raises(CommandError, match="kind:object_id") as refusal:
        verify("--stream", "nonsense")
    assert refusal.value.returncode == 64


def test_a_stream_that_is_not_there_is_an_error(db: None) -> None:
    with pytest.raises(CommandError, match="no stream note:9 in the log"):
        verify("--stream", "note:9")
