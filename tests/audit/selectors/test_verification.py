"""Every way to falsify the log that leaves a trace is found and named."""

import json
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import envelope
from audit.canonical import canonical_bytes
from audit.models import Event, Payload, Stream
from audit.selectors import verification
from audit.selectors.verification import Count, faults
from audit.services.events import record, recording
from audit.types import Actor, StreamKey
from tests.factories.audit import NOTED, note, unguarded

ONE = StreamKey("note", "1")


@pytest.fixture
def log(db: None) -> Iterator[None]:
    """Four events in one stream and one in another, behind triggers nobody holds any more."""
    for what in ("tea", "coffee", "water", "milk"):
        note("note:1", what)
    note("note:2")
    with unguarded(Event, Payload, Stream):
        yield


def found(only: StreamKey | None = None) -> list[str]:
    everything = [str(fault) for fault in faults(Count(), only)]
    return [fault for fault in everything if not fault.startswith("database: triggers:")]


def events() -> list[Event]:
    return list(Event.objects.filter(stream__object_id="1").order_by("seq"))


def change(at: int, /, **columns: object) -> None:
    Event.objects.filter(stream__object_id="1", seq=at).update(**columns)


def remove(seq: int) -> None:
    Payload.objects.filter(event__stream__object_id="1", event__seq=seq).delete()
    Event.objects.filter(stream__object_id="1", seq=seq).delete()


def test_what_was_written_is_intact(db: None) -> None:
    for _ in range(3):
        note("note:1")
        note("note:2")
    count = Count()
    assert list(faults(count)) == []
    assert (count.streams, count.events) == (2, 6)


def test_every_kind_of_value_survives_the_database(db: None) -> None:
    with recording():
        for value in (
            0.1,
            -0.0,
            1e-7,
            5e-324,
            1e15,
            "nul \x00 \U0001f600",
            {"b": [None]},
            2**53 - 1,
        ):
            record(stream=ONE, type=NOTED, actor=Actor.system("test"), payload={"what": value})
    assert list(faults(Count())) == []


def test_missing_triggers_are_named(log: None) -> None:
    everything = [str(fault) for fault in faults(Count())]
    assert any("audit_event_refuses_update" in fault for fault in everything)
    assert found() == []


@pytest.mark.parametrize(
    ("columns", "detail"),
    [
        ({"actor_id": "grace"}, "columns: actor is {'kind': 'system', 'id': 'grace'}"),
        ({"actor_kind": "person"}, "columns: actor is {'kind': 'person', 'id': 'test'}"),
        ({"object_id": "2"}, "columns: object is"),
        ({"domain_id": "d2"}, "columns: domain is 'd2', the envelope says ''"),
        (
            {"occurred_at": "2020-01-01T00:00:00Z"},
            "columns: time is '2020-01-01T00:00:00.000000Z'",
        ),
        ({"prev": "0" * 64}, "columns: prev is"),
        ({"hash": "0" * 64}, "hash: "),
        ({"envelope": "{}"}, "envelope: it is not in the form that is hashed"),
        ({"envelope": "[]"}, "envelope: it is not in the form that is hashed"),
        ({"envelope": "nonsense"}, "envelope: it is not JSON"),
        ({"envelope": "[" * 100_000}, "envelope: it is not JSON"),
    ],
)
def test_an_edited_event_is_named(log: None, columns: dict[str, object], detail: str) -> None:
    change(2, **columns)
    (fault,) = found()
    assert fault.startswith(f"note:1#2 test.noted: {detail}")


def test_an_edited_type_is_named(log: None) -> None:
    change(2, type="gate.decided")
    (fault,) = found()
    assert fault.startswith("note:1#2 gate.decided: columns: type is 'gate.decided'")


def test_an_event_moved_to_another_stream_is_named(log: None) -> None:
    Event.objects.filter(stream__object_id="2").update(
        stream=Stream.objects.get(object_id="1"), seq=5
    )
    moved, bereft = found()
    assert moved.startswith("note:1#5 test.noted: columns: stream is 'note:1'")
    assert bereft.startswith("note:2#1: missing: ")


def test_a_forger_who_recomputes_one_hash_is_named_by_the_next_event(log: None) -> None:
    text = json.loads(events()[1].envelope) | {"actor": {"kind": "system", "id": "grace"}}
    forged = canonical_bytes(text).decode()
    change(2, actor_id="grace", envelope=forged, hash=envelope.leaf(forged))
    (fault,) = found()
    assert fault.startswith("note:1#3 test.noted: previous: ")


def test_a_forger_who_recomputes_the_last_hash_is_named_by_the_head(log: None) -> None:
    text = json.loads(events()[3].envelope) | {"actor": {"kind": "system", "id": "grace"}}
    forged = canonical_bytes(text).decode()
    change(4, actor_id="grace", envelope=forged, hash=envelope.leaf(forged))
    assert found()[0].startswith("note:1#4: head: ")


@pytest.mark.parametrize(
    ("columns", "detail"),
    [
        ({"fields": '{"what":"beer"}'}, "it is not the one the envelope commits to"),
        ({"salts": json.dumps({"what": "0" * 32})}, "it is not the one the envelope commits to"),
        ({"fields": '{"what": "coffee"}'}, "its fields or salts are not what any event stores"),
        ({"fields": '{"what":"beer","what":"coffee"}'}, "its fields or salts are not"),
        ({"fields": "[]"}, "its fields or salts are not what any event stores"),
        ({"salts": "{}"}, "its fields or salts are not what any event stores"),
        ({"fields": "no JSON"}, "its fields or salts are not what any event stores"),
        ({"fields": '{"what":9007199254740993}'}, "its fields or salts are not"),
    ],
)
def test_an_edited_payload_is_named(log: None, columns: dict[str, str], detail: str) -> None:
    Payload.objects.filter(event__seq=2).update(**columns)
    (fault,) = found()
    assert fault.startswith(f"note:1#2 test.noted: payload: {detail}")


def test_a_removed_payload_is_named(log: None) -> None:
    Payload.objects.filter(event__seq=2).delete()
    assert found() == ["note:1#2 test.noted: payload: there is none"]


def test_exchanged_payloads_are_named(log: None) -> None:
    second, third = (Payload.objects.get(event__seq=seq) for seq in (2, 3))
    Payload.objects.filter(event__seq=2).update(fields=third.fields, salts=third.salts)
    Payload.objects.filter(event__seq=3).update(fields=second.fields, salts=second.salts)
    (fault,) = found()
    assert fault.startswith("note:1#2 test.noted: payload: ")


def test_a_removed_event_is_named(log: None) -> None:
    remove(2)
    assert found() == ["note:1#3 test.noted: sequence: expected 2 here, found 3"]


def test_a_removed_first_event_is_named(log: None) -> None:
    remove(1)
    assert found() == ["note:1#2 test.noted: sequence: expected 1 here, found 2"]


def test_a_removed_tail_is_named(log: None) -> None:
    remove(4)
    assert found() == ["note:1#4: missing: the stream ends at 3 and its row says 4"]


def test_exchanged_events_are_named(log: None) -> None:
    change(2, seq=9)
    change(3, seq=2)
    change(9, seq=3)
    (fault,) = found()
    assert fault.startswith("note:1#2 test.noted: columns: seq is 2, the envelope says 3")


def test_an_event_squeezed_in_is_named(log: None) -> None:
    change(4, seq=5)
    copy(events()[2], seq=4)
    (fault,) = found()
    assert fault.startswith("note:1#4 test.noted: columns: seq is 4, the envelope says 3")


def test_an_event_put_behind_the_head_is_named(log: None) -> None:
    last = events()[3]
    text = json.loads(last.envelope) | {"seq": 5, "prev": last.hash}
    forged = canonical_bytes(text).decode()
    copy(last, seq=5, prev=last.hash, envelope=forged, hash=envelope.leaf(forged))
    assert found() == ["note:1#5: inserted: the stream goes on to 5 and its row says 4"]


def copy(event: Event, **changes: object) -> None:
    payload = event.payload
    event.pk = None
    for name, value in changes.items():
        setattr(event, name, value)
    event.save(force_insert=True)
    Payload.objects.create(event=event, fields=payload.fields, salts=payload.salts)


@pytest.mark.parametrize(
    ("columns", "detail"),
    [
        ({"last_seq": 3}, "note:1#4: inserted: the stream goes on to 4 and its row says 3"),
        ({"last_seq": 5}, "note:1#5: missing: the stream ends at 4 and its row says 5"),
        ({"head": "0" * 64}, "note:1#4: head: "),
        ({"object_id": "3"}, "note:3#1 test.noted: columns: stream is 'note:3'"),
    ],
)
def test_an_edited_stream_is_named(log: None, columns: dict[str, object], detail: str) -> None:
    Stream.objects.filter(object_id="1").update(**columns)
    (fault,) = found()
    assert fault.startswith(detail)


def test_a_row_that_does_not_even_load_is_named(log: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL knows the type of a column")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET occurred_at = 'soon' WHERE seq = 2")
    (fault,) = found()
    assert fault.startswith("note:1, after #1: reading: a row cannot be read")


def test_a_stream_whose_row_is_gone_is_named(committed_db: object) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the foreign key of PostgreSQL has no switch")
    note()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA foreign_keys = OFF")
        cursor.execute("DROP TRIGGER audit_stream_refuses_delete")
        cursor.execute("DELETE FROM audit_stream")
    assert found() == ["event 1 test.noted: stream: the row of its stream is gone"]


def test_the_first_fault_of_every_stream_is_named(log: None) -> None:
    Payload.objects.update(fields='{"what":"beer"}')
    assert [fault.split(":", 2)[1] for fault in found()] == ["1#1 test.noted", "2#1 test.noted"]


def test_one_stream_can_be_checked_alone(log: None) -> None:
    Payload.objects.filter(event__stream__object_id="2").update(fields="{}")
    assert found(ONE) == []
    assert len(found(StreamKey("note", "2"))) == 1


@pytest.mark.parametrize("moment", ["before the events are read", "after"])
def test_an_event_appended_meanwhile_is_no_fault(
    db: None, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    note()
    read = verification._events

    def late(stream: Stream) -> Iterator[Event]:
        if moment != "after":
            note()
        yield from read(stream)
        if moment == "after":
            note()

    monkeypatch.setattr(verification, "_events", late)
    assert list(faults(Count())) == []


def test_pages_are_walked_to_the_end(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "PAGE", 2)
    for stream in ("note:1", "note:2", "note:3"):
        for _ in range(4):
            note(stream)
    count = Count()
    with CaptureQueriesContext(connection) as queries:
        assert list(faults(count)) == []
    assert (count.streams, count.events) == (3, 12)
    assert all(
        "LIMIT 2" in q["sql"] for q in queries if "ORDER BY" in q["sql"] and "seq" in q["sql"]
    )


def test_a_history_rewritten_to_its_head_is_beyond_what_can_be_seen(log: None) -> None:
    # The limit the documentation admits: only a seal that someone else keeps would show this.
    remove(4)
    third = events()[2]
    Stream.objects.filter(object_id="1").update(last_seq=3, head=third.hash)
    assert found() == []
