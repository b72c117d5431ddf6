"""Puts events at the end of their stream: each gets its seq, its hash and a payload commitment."""
# ruff: noqa: S608 - text holds nothing but names of our own tables and placeholders

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from audit import envelope, statements
from audit.canonical import canonical_bytes
from audit.models import Event, Payload, Stream
from audit.types import Actor, ObjectRef, StreamKey

# Texts of statements are kept, and a database takes so many parameters and no more.
MOST_AT_ONCE = 200


class Head(NamedTuple):
    """Where a stream ends: the seq and the hash of its last event."""

    key: StreamKey
    stream_id: int
    last_seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An event before it has a place in its stream."""

    stream: StreamKey
    type: str
    actor: Actor
    domain_id: str
    object: ObjectRef
    text: str
    fields: Mapping[str, Any]
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class _Line(NamedTuple):
    """An event with its place in its stream, as its columns, and the payload it commits to."""

    values: dict[str, Any]
    fields: str
    salts: str


def appended(head: Head, entries: Sequence[Entry]) -> Head | None:
    """Append to a stream that stands at `head` and return where it ends then.

    Returns None, and does nothing, if it does not stand there.
    """
    lines = list(_lines(head, entries))
    last = lines[-1].values
    after = Head(head.key, head.stream_id, last["seq"], last["hash"])
    is_one = len(lines) <= MOST_AT_ONCE and statements.has_data_modifying_with()
    append = _at_once if is_one else _one_by_one
    return after if append(head, after, lines) else None


def _one_by_one(head: Head, after: Head, lines: Sequence[_Line]) -> bool:
    moved = statements.changed(
        Stream,
        {"pk": head.stream_id, "last_seq": head.last_seq, "head": head.hash},
        {"last_seq": after.last_seq, "head": after.hash},
    )
    if not moved:
        return False
    keys = statements.poured(Event, [line.values for line in lines])
    statements.poured(
        Payload,
        [
            {"event": key, "fields": line.fields, "salts": line.salts}
            for key, line in zip(keys, lines, strict=True)
        ],
    )
    return True


def _at_once(head: Head, after: Head, lines: Sequence[_Line]) -> bool:
    """Append with one statement where the database can; each is a round trip."""
    given: list[Any] = [after.last_seq, after.hash, head.stream_id, head.last_seq, head.hash]
    for line in lines:
        given += [value for name, value in line.values.items() if name != "stream"]
    for line in lines:
        given += (line.values["seq"], line.fields, line.salts)
    return statements.carried_out(_text(len(lines)), given) == len(lines)


@lru_cache(maxsize=256)
def _text(count: int) -> str:
    columns = "seq, prev, hash, type, actor_kind, actor_id, object_kind, object_id, domain_id"
    event = f"(%s::bigint{', %s' * 8}, %s::timestamptz, %s)"
    return (
        'WITH head AS (UPDATE "audit_stream" SET last_seq = %s, head = %s'
        " WHERE id = %s AND last_seq = %s AND head = %s RETURNING id),"
        ' lines AS (INSERT INTO "audit_event"'
        f" (stream_id, {columns}, occurred_at, envelope)"
        f" SELECT head.id, v.* FROM head, (VALUES {', '.join([event] * count)}) AS v"
        " RETURNING id, seq)"
        ' INSERT INTO "audit_payload" (event_id, fields, salts)'
        " SELECT lines.id, v.fields, v.salts"
        f" FROM lines JOIN (VALUES {', '.join(['(%s::bigint, %s, %s)'] * count)})"
        " AS v (seq, fields, salts) ON v.seq = lines.seq"
    )


def _lines(head: Head, entries: Sequence[Entry]) -> Iterator[_Line]:
    seq, prev = head.last_seq, head.hash
    for entry in entries:
        seq += 1
        salts = {name: secrets.token_hex(16) for name in entry.fields}
        values = _sealed(head, entry, seq, prev, envelope.commitment(entry.fields, salts))
        prev = values["hash"]
        yield _Line(values, entry.text, json.dumps(salts))


def _sealed(head: Head, entry: Entry, seq: int, prev: str, commit: str) -> dict[str, Any]:
    sealed = envelope.seal(
        stream=str(entry.stream),
        seq=seq,
        prev=prev,
        type=entry.type,
        time=entry.occurred_at,
        domain=entry.domain_id,
        actor=entry.actor,
        object=entry.object,
        commit=commit,
    )
    text = canonical_bytes(sealed).decode()
    return {
        "stream": head.stream_id,
        "seq": seq,
        "prev": prev,
        "hash": envelope.leaf(text),
        "type": entry.type,
        "actor_kind": entry.actor.kind,
        "actor_id": entry.actor.id,
        "object_kind": entry.object.kind,
        "object_id": entry.object.id,
        "domain_id": entry.domain_id,
        "occurred_at": entry.occurred_at,
        "envelope": text,
    }
