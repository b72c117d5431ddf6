"""The write path: no event without its change, no change without its event."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.models import Event, Payload, Stream
from audit.services import appending, events
from audit.services.events import NotRecordingError, record, recording
from audit.types import Actor, ObjectRef, StreamKey
from tests.factories.audit import (
    NOTED,
    AppendFailedError,
    failing,
    failing_append,
    note,
    recorded,
    size_of_the_log,
)
from tests.harness.databases import CommittedDatabase

Race = Callable[..., list[object]]
ADA = Actor.person("ada")


def noting(stream: str = "note:1", **changes: Any) -> None:
    defaults: dict[str, Any] = {"type": NOTED, "actor": ADA}
    record(stream=StreamKey.parse(stream), **defaults | changes)


def test_an_event_names_what_happened_and_who_did_it(db: None) -> None:
    with recording():
        noting(domain_id="d1", object=ObjectRef("note", "7"), payload={"what": "tea"})
    event = Event.objects.select_related("payload", "stream").get()
    assert (event.stream.kind, event.stream.object_id, event.seq, event.prev) == (
        "note",
        "1",
        1,
        "",
    )
    assert (event.actor_kind, event.actor_id, event.domain_id) == ("person", "ada", "d1")
    assert (event.object_kind, event.object_id) == ("note", "7")
    assert json.loads(event.payload.fields) == {"what": "tea"}
    assert len(json.loads(event.payload.salts)["what"]) == 32


def test_the_envelope_holds_a_commitment_and_nothing_of_the_payload(db: None) -> None:
    with recording():
        noting(payload={"what": "ada@example.org"})
    event = Event.objects.get()
    assert "ada@example.org" not in event.envelope
    assert len(json.loads(event.envelope)["payload"]["commit"]) == 64


def test_seq_is_dense_and_every_event_names_the_hash_before_it(db: None) -> None:
    for _ in range(3):
        note()
    events = list(Event.objects.order_by("seq"))
    assert [event.seq for event in events] == [1, 2, 3]
    assert [event.prev for event in events] == ["", events[0].hash, events[1].hash]
    stream = Stream.objects.get()
    assert (stream.last_seq, stream.head) == (3, events[2].hash)


def test_the_same_payload_never_has_the_same_hash(db: None) -> None:
    with recording():
        noting("note:1", payload={"what": "tea"})
        noting("note:2", payload={"what": "tea"})
    commits = {json.loads(e.envelope)["payload"]["commit"] for e in Event.objects.all()}
    assert len(commits) == 2


def test_recording_outside_a_block_is_refused(db: None) -> None:
    with pytest.raises(NotRecordingError):
        noting()
    with transaction.atomic(), pytest.raises(NotRecordingError):
        noting()
    assert size_of_the_log() == (0, 0, 0)


def test_a_type_outside_the_catalogue_is_refused(db: None) -> None:
    with pytest.raises(LookupError, match="invented"), recording():
        noting(type="invented")
    assert size_of_the_log() == (0, 0, 0)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({1: "one"}, "keys must be strings"),
        (2**53, "exceeds safe integer"),
        (-(2**53), "exceeds safe integer"),
        (1e16, "exceeds safe integer"),
        (float("nan"), "not representable"),
        (float("inf"), "not representable"),
        ("\ud800", "non-UTF-8"),
        ({1, 2}, "unsupported type"),
        (b"bytes", "unsupported type"),
        ("x" * 262_144, "the limit is 262144"),
    ],
)
def test_what_json_cannot_say_is_refused(db: None, value: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason), recording():
        noting(payload={"value": value})
    assert size_of_the_log() == (0, 0, 0)


def test_a_payload_nested_too_deeply_is_refused(db: None) -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deeply"), recording():
        noting(payload={"value": value})
    assert size_of_the_log() == (0, 0, 0)


@pytest.mark.parametrize(
    "value",
    [
        0.1,
        -0.0,
        1e-7,
        1.5e300,
        5e-324,
        2**53 - 1,
        1e15,
        "nul \x00",
        "é \U0001f600",
        [None, True],
        {},
    ],
)
def test_what_is_read_back_is_what_was_hashed(db: None, value: object) -> None:
    note(what=value)
    assert json.loads(Payload.objects.get().fields)["what"] == value


@pytest.mark.parametrize("actor", ["ada@example.org", "Ada Lovelace", "", "x" * 65])
def test_an_actor_is_an_opaque_id(db: None, actor: str) -> None:
    with pytest.raises(ValueError, match="opaque"), recording():
        noting(actor=Actor.person(actor))
    assert size_of_the_log() == (0, 0, 0)


def test_a_change_whose_event_fails_is_rolled_back(db: None) -> None:
    with failing_append(), pytest.raises(AppendFailedError):
        change_and_note()
    assert size_of_the_log() == (0, 0, 0)


def change_and_note() -> None:
    with recording():
        Stream.objects.create(kind="change", object_id="1")
        noting()


def test_a_failed_block_leaves_nothing_for_the_next_one(db: None) -> None:
    with failing(recording()):
        noting("note:1")
    note("note:2")
    assert recorded("note:1") == []
    assert recorded("note:2") == [NOTED]


def test_a_block_inside_another_appends_with_the_outer_one(db: None) -> None:
    with recording():
        noting(payload={"what": 1})
        note(what=2)
        assert Event.objects.count() == 0
        noting(payload={"what": 3})
    assert whats() == [1, 2, 3]


def test_an_inner_block_that_fails_takes_its_events_along(db: None) -> None:
    with recording():
        noting(payload={"what": 1})
        with failing(recording()):
            noting(payload={"what": 2})
        noting(payload={"what": 3})
    assert whats() == [1, 3]


def test_a_plain_savepoint_that_fails_takes_its_events_along(db: None) -> None:
    with recording():
        noting(payload={"what": 1})
        with failing(transaction.atomic()):
            noting(payload={"what": 2})
    assert whats() == [1]


def whats() -> list[object]:
    payloads = Payload.objects.order_by("event__seq")
    return [json.loads(payload.fields)["what"] for payload in payloads]


def test_events_of_an_outer_transaction_that_fails_are_gone(committed_db: object) -> None:
    with failing(transaction.atomic()):
        note()
    assert size_of_the_log() == (0, 0, 0)


def test_what_runs_on_commit_may_record_again(committed_db: object) -> None:
    with recording():
        noting(payload={"what": "first"})
        transaction.on_commit(lambda: note(what="then"))
    assert whats() == ["first", "then"]


def test_another_thread_does_not_join_the_block(committed_db: object) -> None:
    errors: list[BaseException] = []

    def elsewhere() -> None:
        try:
            noting()
        except NotRecordingError as error:
            errors.append(error)
        finally:
            connection.close()

    with recording():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert len(errors) == 1
    assert size_of_the_log() == (0, 0, 0)


def append_verbs() -> list[str]:
    """Return the statements of one append: PostgreSQL changes several tables with one."""
    one = connection.vendor == "postgresql"
    return ["WITH"] if one else ["UPDATE", "INSERT", "INSERT"]


def verbs_of(queries: CaptureQueriesContext) -> list[str]:
    """Return what the captured statements do, but for those of savepoints."""
    said = [query["sql"].split() for query in queries]
    return [words[0] for words in said if "SAVEPOINT" not in words]


def test_one_append_reads_where_the_stream_ends_and_writes_behind_it(db: None) -> None:
    note()
    with CaptureQueriesContext(connection) as queries:
        note()
    assert verbs_of(queries) == ["SELECT", *append_verbs()]


def test_many_events_take_no_more_statements_than_one(db: None) -> None:
    note()
    with CaptureQueriesContext(connection) as queries, recording():
        for i in range(20):
            noting(payload={"what": i})
    assert verbs_of(queries) == ["SELECT", *append_verbs()]


def test_more_events_than_fit_into_one_statement_are_appended_all_the_same(db: None) -> None:
    with recording():
        for i in range(appending.MOST_AT_ONCE + 1):
            noting(payload={"what": i})
    told = Event.objects.order_by("seq").select_related("payload")
    whats = [json.loads(event.payload.fields)["what"] for event in told]
    assert whats == list(range(appending.MOST_AT_ONCE + 1))


def test_a_stream_nobody_else_appended_to_is_not_read_again(committed_db: object) -> None:
    note()
    with CaptureQueriesContext(connection) as queries:
        note()
    assert verbs_of(queries) == ["BEGIN", *append_verbs(), "COMMIT"]


def test_a_stream_that_another_process_appended_to_is_read_again(committed_db: object) -> None:
    note(what="ours")
    left = dict(events._heads)
    note(what="theirs")
    events._heads.update(left)
    note(what="ours again")
    assert whats() == ["ours", "theirs", "ours again"]
    assert list(Event.objects.order_by("id").values_list("seq", flat=True)) == [1, 2, 3]
    hashes = list(Event.objects.order_by("seq").values_list("hash", flat=True))
    assert list(Event.objects.order_by("seq").values_list("prev", flat=True)) == ["", *hashes[:2]]


def test_where_a_stream_ends_is_not_remembered_of_what_was_rolled_back(
    committed_db: object,
) -> None:
    def noting_in_vain() -> None:
        with transaction.atomic():
            note(what="never")
            raise AppendFailedError

    note(what="first")
    with pytest.raises(AppendFailedError):
        noting_in_vain()
    note(what="second")
    assert whats() == ["first", "second"]


def test_a_race_for_a_new_stream_has_no_loser(race: Race, committed_db: CommittedDatabase) -> None:
    assert race(*[note] * 8) == [None] * 8
    assert list(Event.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 9))
    assert Stream.objects.get().last_seq == 8


def test_writers_that_name_streams_in_opposite_order_do_not_deadlock(race: Race) -> None:
    names = [f"note:{i}" for i in range(6)]

    def forwards() -> None:
        for start in range(10):
            several(names[start % 3 :])

    def backwards() -> None:
        for start in range(10):
            several(names[start % 3 :][::-1])

    assert race(forwards, backwards, forwards, backwards) == [None] * 4
    for stream in Stream.objects.all():
        assert stream.events.count() == stream.last_seq


def several(streams: list[str]) -> None:
    with recording():
        for stream in streams:
            noting(stream)
