"""When the timeouts that the file gives a step pass, by the database's clock (engine.md 5.6)."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from orchestrator.models import Step
from orchestrator.services.definitions import definition_of
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.step_plans import Timeouts


def timeouts_of(step: Step) -> Timeouts | None:
    """Return what the file says of the step whose run is loaded; of an undo it says nothing."""
    if step.undoes_id:
        return None
    return definition_of(step.run.workflow_id).step(step.path).timeouts


def lease_of(step: Step) -> timedelta:
    """Return how long the worker of a step may be silent."""
    timeouts = timeouts_of(step)
    return (timeouts and timeouts.heartbeat) or timedelta(seconds=settings.CLAIM_LEASE_SECONDS)


def times_of(definition: Definition, path: str) -> dict[str, Any]:
    """Return the columns of a step that becomes ready for the first time."""
    timeouts = definition.step(path).timeouts
    return {
        "start_by": _from_now(timeouts.schedule_to_start),
        "close_by": _from_now(timeouts.schedule_to_close),
    }


def times_again(step: Step, *, anew: bool = False) -> dict[str, Any]:
    """Return the columns of a step that becomes ready again; `anew` when a person let it begin."""
    timeouts = timeouts_of(step)
    if timeouts is None:
        return {}
    times = {"start_by": _from_now(timeouts.schedule_to_start)}
    if anew or step.close_by is None:
        times["close_by"] = _from_now(timeouts.schedule_to_close)
    return times


def _from_now(time: timedelta | None) -> Any:
    return Now() + time if time is not None else None
