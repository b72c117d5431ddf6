"""The one place where a step moves on from its state (engine.md 8.2), by one conditional UPDATE.

A step is taken, and put into the queue, by updates of their own in `services/steps`.
"""

from typing import Any
from uuid import UUID

from django.db.models import Max, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit import statements
from governance.refusals import Refusal
from orchestrator.models import (
    BLOCK_TRANSITIONS,
    STEP_FINAL,
    STEP_TRANSITIONS,
    Step,
    StepKind,
    StepState,
)
from orchestrator.services import bells, remembered, timing
from orchestrator.services.bounds import waiting_behind
from orchestrator.services.illegal import IllegalMoveError

_ANY = Q()


def move(step: Step, to: StepState, *, only: Q = _ANY, **changes: Any) -> None:
    """Move on from the state and epoch the step was loaded with; raises Refusal (409)."""
    table = BLOCK_TRANSITIONS if step.kind == StepKind.BLOCK else STEP_TRANSITIONS
    if to not in table.get(step.state, ()):
        detail = _("Step %(path)s is “%(state)s” and cannot become “%(to)s”.")
        words = {"path": step.path, "state": step.get_state_display(), "to": to.label}
        raise IllegalMoveError(
            detail % words, run_id=step.run_id, step=step.place, was=step.state, to=to.value
        )
    if to == StepState.READY:
        changes = {"rung_at": Now(), **timing.times_again(step), **changes}
    if to in STEP_FINAL:
        changes["order"] = _next_order(step.run_id)
    same = {"pk": step.pk, "state": step.state, "epoch": step.epoch}
    values = {"state": to, **changes}
    if only:
        moved = Step.objects.filter(only, **same).update(**values)
    else:
        moved = statements.changed(Step, same, values)
    if moved != 1:
        detail = _("Step %(path)s moved meanwhile; nothing was changed.") % {"path": step.path}
        raise Refusal("step_moved", detail)
    was, step.state = step.state, to
    remembered.moved(step, changes)
    if step.bounded and was == StepState.RUNNING:
        for other in waiting_behind(step):
            bells.ring(other)


def _next_order(run_id: UUID) -> int:
    """Return the next rank in which a step of the run ends; the run is locked."""
    last = remembered.last_rank(run_id)
    if last is None:
        last = Step.objects.filter(run_id=run_id).aggregate(last=Max("order"))["last"]
    return int(last or 0) + 1
