"""A run derived again from its stream, after the stream itself was found untouched."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from audit.canonical import digest
from audit.models import Event, Payload, Stream
from audit.selectors.verification import fault_of
from audit.types import StreamKey
from orchestrator.history.replaying import Difference, Recorded, Replay
from orchestrator.history.replaying import replay as derive
from orchestrator.models import Run
from orchestrator.workflow.definition import from_plain

PAGE = 500


@dataclass(frozen=True, slots=True)
class Replayed:
    """A run whose every decision follows from what was before it."""

    events: int
    decided: int


@dataclass(frozen=True, slots=True)
class Edited:
    """An event is not the one that was appended, or not where it was."""

    seq: int
    fault: str


@dataclass(frozen=True, slots=True)
class Erased:
    """A payload is gone, so nothing from there on can be derived."""

    seq: int


@dataclass(frozen=True, slots=True)
class Changed:
    """The definition is not the one that the run started with."""

    started_with: str
    now: str


Outcome = Replayed | Difference | Edited | Erased | Changed


class _StoppedError(Exception):
    def __init__(self, why: Edited | Erased | Changed) -> None:
        super().__init__(why)
        self.why = why


def replay(run_id: UUID) -> Outcome:
    """Derive every move of a run again; raises LookupError when there is no such run.

    For a command on the machine, whose caller could read the database.
    """
    run = Run.objects.select_related("workflow").filter(pk=run_id).first()
    stream = Stream.objects.named([StreamKey("run", str(run_id))]).first()
    if run is None or stream is None:
        raise LookupError(run_id)
    now = digest(run.workflow.definition)
    try:
        derived = derive(from_plain(run.workflow.definition), _recorded(stream, now))
    except _StoppedError as stopped:
        return stopped.why
    if isinstance(derived, Replay):
        return Replayed(stream.last_seq, derived.decided)
    return derived


def said(outcome: Outcome) -> str:
    """Return what people read about a replay."""
    match outcome:
        case Replayed(events, decided):
            words = _("%(decided)d decisions follow from %(events)d events; no difference.")
            return words % {"decided": decided, "events": events}
        case Difference(seq, derived, recorded):
            words = _("Event %(seq)d differs.\n  derived:  %(derived)s\n  recorded: %(recorded)s")
            return words % {"seq": seq, "derived": derived, "recorded": recorded}
        case Edited(seq, fault):
            return _("Event %(seq)d was edited: %(fault)s") % {"seq": seq, "fault": fault}
        case Erased(seq):
            return _("Not replayable from seq %(seq)d: its payload was erased.") % {"seq": seq}
        case Changed(before, now):
            words = _("The definition changed: the run started with %(before)s, it is %(now)s.")
            return words % {"before": before[:16] or "\N{EM DASH}", "now": now[:16]}


def _recorded(stream: Stream, definition: str) -> Iterator[Recorded]:
    before: Event | None = None
    for event in _events(stream):
        if before is None and event.seq != 1:
            raise _StoppedError(Edited(event.seq, "sequence: event 1 is missing"))
        payload: Payload | None = getattr(event, "payload", None)
        if payload is None:
            raise _StoppedError(Erased(event.seq))
        if fault := fault_of(event, before, None):
            raise _StoppedError(Edited(event.seq, fault))
        before, fields = event, json.loads(payload.fields)
        if event.type == "run.started" and fields.get("definition") != definition:
            raise _StoppedError(Changed(str(fields.get("definition", "")), definition))
        yield Recorded(event.seq, event.type, event.object_id, fields)
    if before is None or (before.seq, before.hash) != (stream.last_seq, stream.head):
        last = before.seq if before else 0
        raise _StoppedError(Edited(last + 1, "the stream ends elsewhere than its row says"))


def _events(stream: Stream) -> Iterator[Event]:
    # What is appended while this reads is not part of what the row of the stream speaks of.
    events = Event.objects.filter(stream=stream, seq__lte=stream.last_seq)
    events = events.select_related("stream", "payload")
    last = 0
    while page := list(events.filter(seq__gt=last).order_by("seq")[:PAGE]):
        yield from page
        last = page[-1].seq
