"""Reading the log: one stream by cursor, or everything a person may read, newest first."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit import registry
from audit.models import Event, Payload, Stream
from audit.selectors.filters import Filters
from audit.selectors.verification import fault_of
from audit.types import StreamKey

STREAM_LIMIT = 500
PAGE_LIMIT = 200

Labels = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Named:
    """An actor or an object: its opaque id, what people call it and where it is shown."""

    kind: str
    id: str
    label: str
    link: str


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event with the sentence people read. `object` is None when it is about nothing else."""

    id: int
    stream: str
    seq: int
    type: str
    time: datetime
    actor: Named
    object: Named | None
    sentence: str
    payload: Mapping[str, Any]
    hash: str
    prev: str
    envelope: str


@dataclass(frozen=True, slots=True)
class EventDetail:
    """One event, what is wrong with it if anything, and the ids of its neighbours."""

    row: EventRow
    fault: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class StreamPage:
    """Events of one stream after a cursor, in order. `head` is the newest seq there is."""

    stream: str
    head: int
    events: Sequence[EventRow]


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of the log, newest first; `next` goes into `before`, None on the last page."""

    rows: Sequence[EventRow]
    next: int | None


def events_for(
    person: Any, key: StreamKey, *, after: int = 0, limit: int = STREAM_LIMIT
) -> StreamPage | None:
    """Return what follows `after` in a stream; None when it is not there or not theirs to see."""
    if not registry.may_view_stream(person, key):
        return None
    stream = Stream.objects.named([key]).first()
    if stream is None:
        return None
    events = Event.objects.filter(stream=stream, seq__gt=after).order_by("seq")
    rows = _rows(events.select_related("stream", "payload")[: _clamped(limit, STREAM_LIMIT)])
    head = max([stream.last_seq, *(row.seq for row in rows[-1:])])
    return StreamPage(str(stream), head, rows)


def page_for(
    person: Any, filters: Filters, *, before: int | None = None, limit: int = 50
) -> LogPage | None:
    """Return a page of the log of every domain the person may read; None when there is none.

    The cursor is the id of an event, so a page far down costs as much as the first.
    """
    domains = registry.domains_read_by(person)
    if not domains:
        return None
    size = _clamped(limit, PAGE_LIMIT)
    events = filters.apply(Event.objects.filter(domain_id__in=domains)).order_by("-id")
    if before is not None:
        events = events.filter(id__lt=before)
    rows = _rows(events.select_related("stream", "payload")[: size + 1])
    return LogPage(rows[:size], rows[size - 1].id if len(rows) > size else None)


def event_for(person: Any, event_id: int) -> EventDetail | None:
    """Return one event of a domain whose log the person may read, checked at this moment."""
    domains = registry.domains_read_by(person)
    events = Event.objects.select_related("stream", "payload")
    event = events.filter(pk=event_id, domain_id__in=domains).first()
    if event is None:
        return None
    near = events.filter(stream=event.stream, seq__in=(event.seq - 1, event.seq + 1))
    by_seq = {neighbour.seq: neighbour for neighbour in near}
    fault = fault_of(event, by_seq.get(event.seq - 1), by_seq.get(event.seq + 1))
    (row,) = _rows([event])
    readable = {seq: near.pk for seq, near in by_seq.items() if near.domain_id in domains}
    return EventDetail(row, fault, readable.get(event.seq - 1), readable.get(event.seq + 1))


def _clamped(limit: int, most: int) -> int:
    return max(1, min(limit, most))


def _rows(found: Iterable[Event]) -> list[EventRow]:
    events = list(found)
    labels = _labels(events)
    return [_row(event, labels) for event in events]


def _labels(events: Iterable[Event]) -> Labels:
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for event in events:
        wanted[event.actor_kind].add(event.actor_id)
        wanted[event.object_kind].add(event.object_id)
    found = {kind: registry.labels_for(kind, ids) for kind, ids in wanted.items() if kind}
    return {(kind, id): label for kind, names in found.items() for id, label in names.items()}


def _row(event: Event, labels: Labels) -> EventRow:
    payload = registry.shown(event.type, event.stream.object_id, _payload(event))
    return EventRow(
        id=event.pk,
        stream=str(event.stream),
        seq=event.seq,
        type=event.type,
        time=event.occurred_at,
        actor=_named(event.actor_kind, event.actor_id, labels),
        object=_named(event.object_kind, event.object_id, labels) if event.object_kind else None,
        sentence=registry.sentence_for(event.type, payload),
        payload=payload,
        hash=event.hash,
        prev=event.prev,
        envelope=event.envelope,
    )


def _payload(event: Event) -> dict[str, Any]:
    # A row somebody tampered with must not hide the rest of the page; `verify` names it.
    stored: Payload | None = getattr(event, "payload", None)
    try:
        fields = json.loads(stored.fields) if stored else {}
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _named(kind: str, id: str, labels: Labels) -> Named:
    label = labels.get((kind, id)) or (id if kind == "system" else id[:8])
    return Named(kind, id, label, registry.link_for(kind, id))
