"""The only way into the log.

A use case opens `recording()`, changes its rows, calls `record()` for every change, and the
events are appended at the end of the same transaction, streams in ascending id. No event
without the change, no change without the event.
"""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connection, transaction

from audit import doorbell, envelope, registry
from audit.models import Stream
from audit.services import appending
from audit.services.appending import Entry, Head
from audit.types import Actor, ObjectRef, StreamKey

_OPAQUE = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)
_OBJECT = re.compile(r"[^:]{1,32}:.{1,64}", re.DOTALL)
_NOTHING = ObjectRef("", "")


class NotRecordingError(RuntimeError):
    """`record()` was called outside `recording()`, so the event could outlive its change."""


class StreamMovedError(RuntimeError):
    """Someone appended to a stream while it was locked. Nothing of the transaction happened."""


# Where this process left the streams it appended to last. Moving a head names where it was, so
# one that somebody else moved meanwhile is found out, and read anew.
MOST_HEADS = 256
_heads: dict[StreamKey, Head] = {}


class _Recording:
    """The outermost `recording()` of this thread, which is the owner of its connection."""


@dataclass(frozen=True, slots=True, eq=False)
class _Pending:
    """An entry in Django's list of things to do on commit, where rollbacks find it.

    Django drops from that list whatever belongs to a savepoint that is rolled back. Keeping the
    entries there means that a change and its event vanish together however the savepoint was
    opened. On commit there is nothing left to do.
    """

    recording: _Recording
    entry: Entry

    def __call__(self) -> None:
        pass


class _ThisThread(threading.local):
    recording: _Recording | None = None


_this_thread = _ThisThread()


@contextmanager
def recording() -> Iterator[None]:
    """Open a transaction whose events are appended just before it commits.

    Nested calls join the outer one as a savepoint: when an inner block raises and the caller
    goes on, the inner block's changes and its events vanish together.
    """
    if _this_thread.recording is not None:
        with transaction.atomic():
            yield
        return
    outermost = _this_thread.recording = _Recording()
    try:
        with transaction.atomic():
            yield
            append(_surviving(outermost))
            # The transaction commits now, and what runs on commit may record something itself.
            _this_thread.recording = None
    finally:
        _this_thread.recording = None


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

    Raises NotRecordingError outside of one, LookupError for a type not in the catalogue and
    ValueError for a payload that is no JSON or an id that is not opaque. Personal text belongs
    into the payload and never among the ids.
    """
    current = _this_thread.recording
    if current is None or not connection.in_atomic_block:
        raise NotRecordingError(f"{type} was recorded outside a recording() block")
    registry.event_type(type)
    _refuse_telling_ids(actor, object)
    text, fields = envelope.storable(payload or {})
    entry = Entry(stream, type, actor, str(domain_id), object or _NOTHING, text, fields)
    transaction.on_commit(_Pending(current, entry))


def append(entries: Sequence[Entry]) -> None:
    """Give every entry its seq, hash and payload commitment, and insert all of them."""
    grouped: dict[StreamKey, list[Entry]] = {}
    for entry in entries:
        grouped.setdefault(entry.stream, []).append(entry)
    if not grouped or (len(grouped) == 1 and _appended_where_we_left(grouped)):
        return
    for stream in _lock_streams(grouped):
        head = Head(stream.key, stream.pk, stream.last_seq, stream.head)
        if not _appended(head, grouped[stream.key]):
            raise StreamMovedError(f"stream {stream} moved while it was locked")


def _refuse_telling_ids(actor: Actor, target: ObjectRef | None) -> None:
    if not _OPAQUE.fullmatch(actor.id):
        raise ValueError(f"an actor is an opaque id, not {actor.id!r}")
    if target and not _OBJECT.fullmatch(f"{target.kind}:{target.id}"):
        raise ValueError(f"an object is named by a short kind and id, not {target!r}")


def _surviving(current: _Recording) -> list[Entry]:
    hooks = (hook[1] for hook in connection.run_on_commit)
    return [h.entry for h in hooks if isinstance(h, _Pending) and h.recording is current]


def _lock_streams(grouped: Mapping[StreamKey, Sequence[Entry]]) -> list[Stream]:
    # Deadlock-free: new streams are created in the order of their names by a transaction that
    # holds no stream yet, and only then are all of them locked in ascending id.
    if len(grouped) > 1:
        _create_missing(grouped)
    streams = _locked(grouped)
    if len(streams) < len(grouped):
        _create_missing(grouped)
        streams = _locked(grouped)
    return streams


def _locked(keys: Mapping[StreamKey, object]) -> list[Stream]:
    return list(Stream.objects.named(keys).select_for_update().order_by("pk"))


def _create_missing(grouped: Mapping[StreamKey, Sequence[Entry]]) -> None:
    missing = sorted(grouped.keys() - {stream.key for stream in Stream.objects.named(grouped)})
    Stream.objects.bulk_create(
        [
            Stream(kind=key.kind, object_id=key.object_id, domain_id=grouped[key][0].domain_id)
            for key in missing
        ],
        ignore_conflicts=True,
    )


def _appended_where_we_left(grouped: Mapping[StreamKey, Sequence[Entry]]) -> bool:
    """Append to the one stream there is where this process left it, if it still stands there."""
    [(key, entries)] = grouped.items()
    head = _heads.get(key)
    return head is not None and _appended(head, entries)


def _appended(head: Head, entries: Sequence[Entry]) -> bool:
    """Append to a stream that stands at `head`; return False, and do nothing, if it does not."""
    after = appending.appended(head, entries)
    if after is None:
        return False
    doorbell.ring_stream(after.key, after.last_seq)
    transaction.on_commit(partial(_remember, after))
    return True


def _remember(head: Head) -> None:
    known = _heads.get(head.key)
    if known is not None and known.last_seq > head.last_seq:
        # What ran on commit before this has appended to the stream already.
        return
    _heads[head.key] = head
    while len(_heads) > MOST_HEADS:
        _heads.pop(next(iter(_heads)), None)
