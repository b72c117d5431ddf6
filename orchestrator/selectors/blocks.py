"""The blocks of a run, each with what happened in it, as its pattern reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from orchestrator.history.deciding import terms_of
from orchestrator.history.places import key_of
from orchestrator.models import Step, StepState
from orchestrator.patterns.base import History, PastStep, PlannedStep
from orchestrator.patterns.states import FINAL
from orchestrator.patterns.tree import histories
from orchestrator.selectors.run_view import RunView
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.planning import plan_of

_OVER = FINAL | {"escalated"}
_COLUMNS = [{"agent": "alias"}.get(part.name, part.name) for part in fields(PastStep)]


@dataclass(frozen=True, slots=True)
class Offered:
    """A step that is offered to peers, as its topology reads it.

    `is_over` says that it ended or needs a person, `clocks` until when each of its timers runs,
    by its name and iteration.
    """

    step: PlannedStep
    history: History
    is_over: bool
    clocks: Mapping[tuple[str, int], datetime | None]


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a run by their place, and the agents' names by the aliases of the file.

    `offered` are those that are steps for whoever wins them.
    """

    by_place: Mapping[str, tuple[PlannedStep, History]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    offered: Mapping[str, Offered] = field(default_factory=dict)


def blocks_of(run: RunView, definition: Definition) -> Blocks:
    """Return the blocks of a run the caller may see, in one query."""
    if not any(step.kind == "block" for step in run.steps):
        return Blocks()
    rows = _rows(run.id)
    past = [PastStep(*row[:-1]) for row in rows]
    names = {child.agent: row[-1] for child, row in zip(past, rows, strict=True) if row[-1]}
    scope = {"inputs": run.inputs}
    found = histories(plan_of(definition), past, scope, absent=run.absent)
    patterns = {place: one for place, one in found.items() if one[0].pattern}
    terms = terms_of(definition, run.owners)
    offered = {
        place: _offered(run, place, node, replace(history, options=terms))
        for place, (node, history) in found.items()
        if not node.pattern
    }
    return Blocks(patterns, names, offered)


def _offered(run: RunView, place: str, step: PlannedStep, history: History) -> Offered:
    over = {row.path for row in run.steps if row.state in _OVER}
    timers = (row for row in run.steps if row.kind == "timer" and _around(row.path) == place)
    clocks = {(key_of(_name(row.path))[0], row.iteration): row.not_before for row in timers}
    return Offered(step, history, place in over, clocks)


def ended(history: History) -> History:
    """Return the history without what is under way: patterns read only what has ended."""
    return replace(history, past=[child for child in history.past if child.state in FINAL])


def _around(path: str) -> str:
    return path.rpartition("/")[0]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _rows(run_id: UUID) -> list[tuple[Any, ...]]:
    rows = Step.objects.filter(run_id=run_id, undoes__isnull=True)
    began = rows.exclude(state=StepState.BLOCKED)
    return list(began.values_list(*_COLUMNS, "agent__name"))
