"""What keeps a ready step waiting for others: limits of how many are at work, and mutexes.

What a step is bound by is worked out when it becomes ready, purely from the file and the run's
inputs. Steps that are bound by nothing are claimed without looking any further.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from governance.models import Agent
from orchestrator.history.places import blocks_around, key_of
from orchestrator.models import Run, RunState, Step, StepState
from orchestrator.patterns.base import Ask
from orchestrator.services.definitions import definition_of
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.expressions import ExpressionError, filled
from orchestrator.workflow.step_plans import StepPlan

# Whoever lets go rings for a few: the first may not be able to go yet.
MOST_RUNG = 5
LONGEST = 240


def bounds_of(run: Run, ask: Ask, agent: Agent | None = None) -> dict[str, Any]:
    """Return the columns of a step that becomes ready, or of a block that begins."""
    if ask.kind == "timer":
        return {}
    definition = definition_of(run.workflow_id)
    line = definition.line_of(ask.path)
    keys = sorted({_key(run, text, ask) for text in line[-1].mutexes})
    needs_keys = any(plan.mutexes for plan in line)
    is_limited = bool(most_of(agent) or most_in_run(definition) or settings.MAX_PARALLEL)
    return {"mutexes": keys, "bounded": needs_keys or (is_limited and ask.kind != "block")}


def bounds_of_undo(run: Run, place: str) -> dict[str, Any]:
    """Return the columns of a step that undoes what the step at `place` did: bound as that was.

    It needs what the blocks around had alone too, because they have ended and let go.
    """
    keys = {key_of(name) for name in (*blocks_around(place), place)}
    rows = run.steps.filter(path__in={path for path, _iteration in keys})
    bound = [row for row in rows if (row.path, row.iteration) in keys and row.bounded]
    mutexes = sorted({key for row in bound for key in row.mutexes})
    return {"mutexes": mutexes, "bounded": bool(bound)}


def most_of(agent: Agent | None) -> int:
    """Return how many steps an agent may be at work on at once; 0 is any number."""
    return (agent.max_parallel or 0) if agent else 0


def most_in_run(definition: Definition) -> int:
    """Return how many steps of a run may be under way at once; 0 is any number.

    A block keeps to the limit by itself; only blocks within blocks could exceed it together.
    """
    most = definition.plain["limits"].get("max_parallel", 0)
    return most if most and any(map(_has_fans_within, definition.steps)) else 0


def waiting_behind(step: Step) -> QuerySet[Step]:
    """Return the ready steps that may go now that this one does not run any more, oldest first."""
    same = Q(waits_for__in=step.mutexes) | Q(run=step.run_id)
    if step.agent_id:
        same |= Q(agent=step.agent_id)
    if settings.MAX_PARALLEL:
        same |= Q(bounded=True)
    waiting = ready().filter(same).exclude(pk=step.pk)
    return waiting.order_by("created_at", "pk")[:MOST_RUNG]


def ready() -> QuerySet[Step]:
    """Return the ready steps that may have to wait for others, of runs that go on or go back."""
    goes = Q(run__state=RunState.RUNNING)
    goes |= Q(run__state=RunState.COMPENSATING, undoes__isnull=False)
    return Step.objects.filter(goes, state=StepState.READY, bounded=True)


def _has_fans_within(step: StepPlan) -> bool:
    if step.pattern == "concurrent" and any(map(_has_fan, step.steps)):
        return True
    return any(map(_has_fans_within, step.steps))


def _has_fan(step: StepPlan) -> bool:
    return step.pattern == "concurrent" or any(map(_has_fan, step.steps))


def _key(run: Run, text: str, ask: Ask) -> str:
    """Return a mutex by its name in the domain.

    Where an expression of it has no value, the text stands for itself: all who come to that
    exclude each other, which is the safe side.
    """
    each: Mapping[str, Any] = ask.task.get("each", {})
    try:
        name = filled(text, {**each, "inputs": run.inputs})
    except ExpressionError:
        name = text
    return f"{run.domain_id}/{name}"[:LONGEST]
