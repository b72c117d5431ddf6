"""Who was chosen for the slots of a run, of whom, as its stream tells it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audit.models import Event
from orchestrator.selectors.run_view import RunView

TYPE = "agent.selected"


@dataclass(frozen=True, slots=True)
class ConsideredRow:
    """Somebody who was considered. `reason` is empty for who was chosen."""

    agent: str
    price: int | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class SelectionRow:
    """A slot, who fills it in this run, and everybody who was considered, the best first."""

    slot: str
    agent: str
    considered: Sequence[ConsideredRow]


def selections_of(run: RunView) -> Sequence[SelectionRow]:
    """Return the choices of a run the caller may see, in one query; none without slots."""
    events = Event.objects.filter(
        stream__kind="run", stream__object_id=str(run.id), type=TYPE
    ).select_related("payload")
    return [_selection(_fields(event)) for event in events.order_by("seq")]


def _fields(event: Event) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = json.loads(event.payload.fields)
    except ValueError:
        return {}
    return fields


def _selection(fields: dict[str, Any]) -> SelectionRow:
    rows = [_considered(row) for row in fields.get("candidates", ())]
    return SelectionRow(str(fields.get("slot", "")), str(fields.get("agent", "")), rows)


def _considered(row: dict[str, Any]) -> ConsideredRow:
    reason, _colon, detail = str(row.get("reason", "")).partition(": ")
    return ConsideredRow(str(row.get("agent", "")), row.get("price"), reason, detail)
