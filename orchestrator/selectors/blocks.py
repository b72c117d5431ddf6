"""The blocks of a run, each with what happened in it, as its pattern reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any
from uuid import UUID

from orchestrator.models import Step, StepState
from orchestrator.patterns.base import History, PastStep, PlannedStep
from orchestrator.patterns.states import FINAL
from orchestrator.patterns.tree import histories
from orchestrator.selectors.run_view import RunView
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.planning import plan_of

_COLUMNS = [{"agent": "alias"}.get(part.name, part.name) for part in fields(PastStep)]


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a run by their place, and the agents' names by the aliases of the file."""

    by_place: Mapping[str, tuple[PlannedStep, History]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def blocks_of(run: RunView, definition: Definition) -> Blocks:
    """Return the blocks of a run the caller may see, in one query."""
    if not any(step.kind == "block" for step in run.steps):
        return Blocks()
    rows = _rows(run.id)
    past = [PastStep(*row[:-1]) for row in rows]
    names = {child.agent: row[-1] for child, row in zip(past, rows, strict=True) if row[-1]}
    return Blocks(histories(plan_of(definition), past, {"inputs": run.inputs}), names)


def ended(history: History) -> History:
    """Return the history without what is under way: patterns read only what has ended."""
    return replace(history, past=[child for child in history.past if child.state in FINAL])


def _rows(run_id: UUID) -> list[tuple[Any, ...]]:
    rows = Step.objects.filter(run_id=run_id, undoes__isnull=True)
    began = rows.exclude(state=StepState.BLOCKED)
    return list(began.values_list(*_COLUMNS, "agent__name"))
