"""A run's shared state: entries are written in the transaction that takes an output over."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from orchestrator.models import Run, StateEntry, Step
from orchestrator.patterns.children import Fault
from orchestrator.services.definitions import definition_of
from orchestrator.services.history import ENGINE, tell_step
from orchestrator.services.sources import source_of
from orchestrator.workflow import shared_state
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.plain_json import as_stored
from orchestrator.workflow.shared_state import Entry

CONFLICT = "state_conflict"


def fault_of(step: Step, output: Mapping[str, Any]) -> Fault | None:
    """Return why what an output writes cannot be kept: a wrong type, or two writers in a race."""
    definition = definition_of(step.run.workflow_id)
    written = _written(step, definition, output)
    misfits = (
        shared_state.misfit_of(definition.state[name], name, v) for name, v in written.items()
    )
    return next(filter(None, misfits), None) or _conflict(step, definition, written)


def _conflict(step: Step, definition: Definition, written: Mapping[str, Any]) -> Fault | None:
    replaced = [name for name in written if definition.state[name].reducer == "replace"]
    for entry in entries_of(step.run_id, replaced):
        if shared_state.are_rivals(definition, step.place, entry.step):
            detail = _("“%(key)s” was replaced by step %(step)s already, which runs at once.")
            return Fault(CONFLICT, detail % {"key": entry.key, "step": entry.step})
    return None


def _written(step: Step, definition: Definition, output: Mapping[str, Any]) -> dict[str, Any]:
    if not definition.state or step.undoes_id:
        return {}
    return shared_state.written_by(definition, step.path, output)


def write(step: Step, output: Mapping[str, Any]) -> None:
    """Keep what the step's output writes, each entry with an event. Joins the transaction."""
    definition = definition_of(step.run.workflow_id)
    for name, value in _written(step, definition, output).items():
        source = source_of(step)
        kept = as_stored(value)
        secrecy = definition.state[name].classification
        entry = Entry(name, kept, source.author, source.trust.value, secrecy, step.place)
        StateEntry.objects.create(run=step.run, key=name, **entry.as_json())
        tell_step(step, "state.written", ENGINE, key=name, **entry.as_json())


def entries_of(run_id: UUID, keys: Collection[str]) -> list[Entry]:
    """Return the entries of these keys in the order in which they were written."""
    if not keys:
        return []
    rows = StateEntry.objects.filter(run_id=run_id, key__in=keys).order_by("id")
    fields = ("key", "value", "author", "trust", "classification", "step")
    return [Entry(*row) for row in rows.values_list(*fields)]


def values_of(run: Run, definition: Definition) -> dict[str, Any]:
    """Return what every key of the run holds now; a file without state costs nothing."""
    entries = entries_of(run.pk, definition.state.keys())
    return shared_state.reduced(definition.state, entries)


def seen(step: Step, definition: Definition, keys: Collection[str]) -> dict[str, Any]:
    """Return these keys as an agent sees them: the value, and every entry with its source."""
    entries = entries_of(step.run_id, keys)
    chosen = {name: definition.state[name] for name in keys}
    values = shared_state.reduced(chosen, entries)
    return {
        name: {
            "value": value,
            "entries": [entry.as_json() for entry in entries if entry.key == name],
        }
        for name, value in values.items()
    }
