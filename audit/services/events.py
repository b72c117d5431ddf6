"""The only way into the log.

A use case opens `recording()`, changes its rows, calls `record()` for every change, and the
events are appended at the end of the same transaction, streams in ascending id. No event
without the change, no change without the event.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from audit import doorbell, merkle, registry
from audit.canonical import canonical_bytes
from audit.models import Event, Payload, Stream
from audit.types import Actor, ObjectRef, StreamKey

ENVELOPE_VERSION = 1


class NotRecordingError(RuntimeError):
    """`record()` was called outside `recording()`, so the event could outlive its change."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event before it has a place in its stream."""

    stream: StreamKey
    type: str
    actor: Actor
    domain_id: str
    object: ObjectRef | None
    payload: Mapping[str, Any]
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))


_buffer: ContextVar[list[Entry] | None] = ContextVar("audit_buffer", default=None)


@contextmanager
def recording() -> Iterator[None]:
    """Open a transaction whose events are appended just before it commits.

    Nested calls join the outer one as a savepoint: when an inner block raises and the caller
    goes on, the inner block's changes and its events vanish together.
    """
    entries = _buffer.get()
    if entries is not None:
        mark = len(entries)
        try:
            with transaction.atomic():
                yield
        except BaseException:
            del entries[mark:]
            raise
        return
    entries = []
    token = _buffer.set(entries)
    try:
        with transaction.atomic():
            yield
            append(entries)
    finally:
        _buffer.reset(token)


def record(
    *,
    stream: StreamKey,
    type: str,
    actor: Actor,
    domain_id: object = "",
    object: ObjectRef | None = None,
    payload: Mapping[str, Any] | None = None,
) -> None:
    """Add one event to the transaction opened by `recording()`.

    Raises NotRecordingError outside of one and LookupError for a type not in the catalogue.
    Payload values must be JSON; personal text belongs there and never in the envelope.
    """
    entries = _buffer.get()
    if entries is None:
        raise NotRecordingError(f"{type} was recorded outside a recording() block")
    registry.event_type(type)
    entries.append(Entry(stream, type, actor, str(domain_id), object, payload or {}))


def append(entries: Sequence[Entry]) -> None:
    """Give every entry its seq, hash and payload commitment, and insert all of them."""
    grouped: dict[StreamKey, list[Entry]] = {}
    for entry in entries:
        grouped.setdefault(entry.stream, []).append(entry)
    for stream in _lock_streams(grouped):
        key = StreamKey(stream.kind, stream.object_id)
        _append_to(stream, grouped[key])
        doorbell.ring_stream(key, stream.last_seq)


def _lock_streams(grouped: Mapping[StreamKey, Sequence[Entry]]) -> list[Stream]:
    ids = []
    for key, entries in grouped.items():
        stream, _ = Stream.objects.get_or_create(
            kind=key.kind,
            object_id=key.object_id,
            defaults={"domain_id": entries[0].domain_id},
        )
        ids.append(stream.pk)
    return list(Stream.objects.select_for_update().filter(pk__in=ids).order_by("pk"))


def _append_to(stream: Stream, entries: Sequence[Entry]) -> None:
    before = stream.last_seq
    events, payloads = [], []
    for entry in entries:
        fields = _salted(entry.payload)
        event = _sealed_event(stream, entry, fields)
        events.append(event)
        payloads.append(fields)
        stream.last_seq, stream.head = event.seq, event.hash
    created = Event.objects.bulk_create(events)
    Payload.objects.bulk_create(
        [Payload(event=event, fields=fields) for event, fields in zip(created, payloads, strict=True)]
    )
    moved = Stream.objects.filter(pk=stream.pk, last_seq=before).update(
        last_seq=stream.last_seq, head=stream.head
    )
    if moved != 1:
        raise RuntimeError(f"stream {stream} moved while it was locked")


def _sealed_event(stream: Stream, entry: Entry, fields: list[dict[str, Any]]) -> Event:
    target = entry.object or ObjectRef("", "")
    envelope = {
        "v": ENVELOPE_VERSION,
        "stream": str(entry.stream),
        "seq": stream.last_seq + 1,
        "prev": stream.head,
        "type": entry.type,
        "time": timestamp(entry.occurred_at),
        "domain": entry.domain_id,
        "actor": {"kind": entry.actor.kind, "id": entry.actor.id},
        "object": {"kind": target.kind, "id": target.id},
        "payload": {"commit": commitment(fields)},
    }
    text = canonical_bytes(envelope)
    return Event(
        stream=stream,
        seq=stream.last_seq + 1,
        prev=stream.head,
        hash=merkle.leaf_hash(text).hex(),
        type=entry.type,
        actor_kind=entry.actor.kind,
        actor_id=entry.actor.id,
        object_kind=target.kind,
        object_id=target.id,
        domain_id=entry.domain_id,
        occurred_at=entry.occurred_at,
        envelope=text.decode(),
    )


def _salted(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    # A round trip through JSON here means that what is hashed is what any reader will load.
    plain = json.loads(json.dumps(dict(payload)))
    return [
        {"name": name, "salt": secrets.token_hex(16), "value": value}
        for name, value in sorted(plain.items())
    ]


def commitment(fields: Sequence[Mapping[str, Any]]) -> str:
    """Return the Merkle root (RFC 6962) over the salted payload fields, 64 hex characters."""
    leaves = sorted(
        merkle.leaf_hash(canonical_bytes([f["salt"], f["name"], f["value"]])) for f in fields
    )
    return merkle.root(leaves).hex()


def timestamp(moment: datetime) -> str:
    """Return UTC with microseconds as the envelope writes it: 2026-11-20T10:00:00.000000Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
