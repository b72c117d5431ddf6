"""Recompute the whole log and say where it is not what was written.

What this proves: every event in the table is, byte for byte, the one that was appended, in its
place, with its payload, and no event is missing between the first and the head of its stream.

What it cannot see until the log is sealed: whoever can write to the database can also compute
hashes. A stream cut back to an earlier event together with its row, a stream removed entirely,
or a history rewritten from some event to its head is consistent with itself. Only a signed head
that someone else has kept shows the difference.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from django.db import DatabaseError
from django.db.models import Exists, OuterRef, QuerySet

from audit import envelope, triggers
from audit.canonical import canonical_bytes
from audit.models import Event, Payload, Stream
from audit.types import Actor, ActorKind, ObjectRef, StreamKey

PAGE = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing wrong in one place: where, which check found it and what differs."""

    place: str
    check: str
    detail: str

    def __str__(self) -> str:
        return f"{self.place}: {self.check}: {self.detail}"


@dataclass(slots=True)
class Count:
    """How much was looked at so far, for the closing line."""

    streams: int = 0
    events: int = 0


def faults(count: Count, only: StreamKey | None = None) -> Iterator[Fault]:
    """Check everything, or one stream, and yield the first fault of each stream.

    Reads pages of rows in short statements, so it needs constant memory and neither blocks
    writers nor mistakes an event appended meanwhile for a forged one.
    """
    for name in triggers.missing():
        yield Fault("database", "triggers", f"{name} is not installed as it should be")
    for stream in _streams(only):
        count.streams += 1
        fault = _first_fault(stream, count)
        if fault:
            yield fault
    if only is None:
        yield from _orphans()


def fault_of(event: Event, before: Event | None, after: Event | None) -> str:
    """Say what is wrong with one event between its neighbours; empty when nothing is."""
    stream = event.stream
    if before is None and event.seq > 1:
        return f"sequence: event {event.seq - 1} is missing"
    head = before.hash if before else ""
    wrong = _wrong_inside(event, stream) or _wrong_chain(event, head)
    if wrong:
        return ": ".join(wrong)
    if after is not None and after.prev != event.hash:
        return "previous: the next event names another one"
    return ""


def _streams(only: StreamKey | None) -> Iterator[Stream]:
    streams = Stream.objects.order_by("pk")
    if only is not None:
        streams = streams.filter(kind=only.kind, object_id=only.object_id)
    last = 0
    while page := list(streams.filter(pk__gt=last)[:PAGE]):
        yield from page
        last = page[-1].pk


def _first_fault(stream: Stream, count: Count) -> Fault | None:
    before = count.events
    try:
        return _walk(stream, count)
    except (AttributeError, DatabaseError, TypeError, ValueError) as error:
        # SQLite stores anything in any column, so a forged row may not even load.
        place = f"{stream}, after #{count.events - before}"
        return Fault(place, "reading", f"a row cannot be read: {error}")


def _walk(stream: Stream, count: Count) -> Fault | None:
    seq, head, known_head = 0, "", ""
    for event in _events(stream):
        wrong = _wrong_with(event, stream, seq, head)
        if wrong:
            return Fault(f"{stream}#{event.seq} {event.type}", *wrong)
        seq, head = event.seq, event.hash
        count.events += 1
        if seq == stream.last_seq:
            known_head = head
    return _wrong_end(stream, seq, head) or _wrong_head(stream, known_head)


def _events(stream: Stream) -> Iterator[Event]:
    events = Event.objects.filter(stream_id=stream.pk).select_related("payload").order_by("seq")
    last = -1
    while page := list(events.filter(seq__gt=last)[:PAGE]):
        yield from page
        last = page[-1].seq


def _wrong_end(stream: Stream, seq: int, head: str) -> Fault | None:
    # The row was read before the events: it can only be behind them, by events appended since.
    if seq < stream.last_seq:
        detail = f"the stream ends at {seq} and its row says {stream.last_seq}"
        return Fault(f"{stream}#{seq + 1}", "missing", detail)
    if seq > stream.last_seq:
        now = Stream.objects.filter(pk=stream.pk).first()
        if now is None or now.last_seq < seq or (now.last_seq == seq and now.head != head):
            detail = f"the stream goes on to {seq} and its row says {stream.last_seq}"
            return Fault(f"{stream}#{stream.last_seq + 1}", "inserted", detail)
    return None


def _wrong_head(stream: Stream, head: str) -> Fault | None:
    if head == stream.head:
        return None
    return Fault(f"{stream}#{stream.last_seq}", "head", _differ(stream.head, head))


def _wrong_with(event: Event, stream: Stream, seq: int, head: str) -> tuple[str, str] | None:
    if event.seq != seq + 1:
        return "sequence", f"expected {seq + 1} here, found {event.seq}"
    return _wrong_inside(event, stream) or _wrong_chain(event, head)


def _wrong_inside(event: Event, stream: Stream) -> tuple[str, str] | None:
    payload: Payload | None = getattr(event, "payload", None)
    if payload is None:
        return "payload", "there is none"
    commit = _commitment(payload)
    if commit is None:
        return "payload", "its fields or salts are not what any event stores"
    expected = _envelope(event, stream, commit)
    if canonical_bytes(expected) != event.envelope.encode():
        return _difference(event, expected)
    return None


def _wrong_chain(event: Event, head: str) -> tuple[str, str] | None:
    if event.prev != head:
        return "previous", _differ(event.prev, head)
    computed = envelope.leaf(event.envelope)
    return None if event.hash == computed else ("hash", _differ(event.hash, computed))


def _commitment(payload: Payload) -> str | None:
    try:
        fields, salts = json.loads(payload.fields), json.loads(payload.salts)
        if canonical_bytes(fields).decode() != payload.fields:
            return None
        return envelope.commitment(fields, salts)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None


def _envelope(event: Event, stream: Stream, commit: str) -> dict[str, Any]:
    return envelope.seal(
        stream=str(stream),
        seq=event.seq,
        prev=event.prev,
        type=event.type,
        time=event.occurred_at,
        domain=event.domain_id,
        actor=Actor(cast("ActorKind", event.actor_kind), event.actor_id),
        object=ObjectRef(event.object_kind, event.object_id),
        commit=commit,
    )


def _difference(event: Event, expected: dict[str, Any]) -> tuple[str, str]:
    try:
        written = json.loads(event.envelope)
        is_canonical = canonical_bytes(written) == event.envelope.encode()
    except (RecursionError, ValueError):
        return "envelope", "it is not JSON"
    if not is_canonical or not isinstance(written, dict) or written.keys() != expected.keys():
        return "envelope", "it is not in the form that is hashed"
    name = next(name for name in expected if written[name] != expected[name])
    if name == "payload":
        return "payload", "it is not the one the envelope commits to"
    return "columns", f"{name} is {expected[name]!r}, the envelope says {written[name]!r}"


def _differ(found: str, expected: str) -> str:
    return f"{found[:16] or 'nothing'} is not {expected[:16] or 'nothing'}"


def _orphans() -> Iterator[Fault]:
    streams = Stream.objects.filter(pk=OuterRef("stream_id"))
    strays: QuerySet[Event] = Event.objects.filter(~Exists(streams)).order_by("stream_id", "seq")
    for event in strays[:PAGE]:
        yield Fault(f"event {event.pk} {event.type}", "stream", "the row of its stream is gone")
    events = Event.objects.filter(pk=OuterRef("event_id"))
    for payload in Payload.objects.filter(~Exists(events))[:PAGE]:
        yield Fault(f"payload {payload.pk}", "event", "the event it belongs to is gone")
