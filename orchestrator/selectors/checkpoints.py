"""How the checkpoints of a run judged, as its stream tells it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from audit.models import Event
from orchestrator.selectors.run_view import RunView

HELD, FAILED, POSTPONED = "checkpoint.held", "checkpoint.failed", "checkpoint.postponed"
RETRIED, ESCALATED = "checkpoint.retried", "checkpoint.escalated"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a step's checkpoint. `message` says why when it did not hold."""

    type: str
    message: str


def judgements_of(run: RunView) -> Mapping[str, Judgement]:
    """Return the last judgement of each step of a run the caller may see, in one query."""
    events = Event.objects.filter(
        stream__kind="run",
        stream__object_id=str(run.id),
        type__in=(HELD, FAILED, POSTPONED, RETRIED, ESCALATED),
    )
    told = events.select_related("payload").order_by("seq")
    return {step: judgement for step, judgement in map(_judgement, told) if step}


def _judgement(event: Event) -> tuple[str, Judgement]:
    try:
        fields = json.loads(event.payload.fields)
    except ValueError:
        fields = {}
    return str(fields.get("step", "")), Judgement(event.type, str(fields.get("message", "")))
