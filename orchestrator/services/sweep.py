"""What was lost is found: dead workers, doorbells and signals nobody heard, time that ran out.

Each finding is settled in a transaction of its own, by the same conditional updates that workers
use, so a sweep may run beside workers and beside another sweep.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce, Now

from audit.services.events import recording
from governance.models import GateState
from governance.refusals import Refusal
from governance.services import holdings
from orchestrator.models import (
    RUN_ENDING,
    RUN_FINAL,
    Run,
    RunState,
    Step,
    StepKind,
    StepState,
)
from orchestrator.services import (
    bells,
    budgeting,
    callbacks,
    cancellation,
    claims,
    deadlocks,
    errands,
    handing_over,
    resumption,
    runs,
    steps,
    supplying,
    timeouts,
)
from orchestrator.services.history import ENGINE
from orchestrator.services.illegal import IllegalMoveError, tell

MOST_AT_ONCE = 200

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """How many there were of each; `timed_out` are runs, `ended` steps and `stopped` turns.

    `gave_way` are steps that waited for each other in a circle.
    """

    reclaimed: int
    elapsed: int
    woken: int
    resumed: int
    advanced: int
    revoked: int
    timed_out: int
    unbound: int
    answered: int
    recalled: int
    unanswered: int
    ended: int
    stopped: int
    gave_way: int
    admitted: int
    charged: int
    funded: int
    closed: int
    rung: int


def sweep() -> Swept:
    """Settle everything that is due; safe to repeat at any time."""
    return Swept(
        reclaimed=_each(_expired_leases(), _reclaim),
        elapsed=_each(_elapsed(), _elapse),
        woken=_each(_rested(), _wake),
        resumed=_each([*_decided_gates(), *supplying.accepted_unheard()], _resume),
        advanced=_each(_stuck_runs(), _advance),
        revoked=_each(cancellation.overdue(), cancellation.revoke),
        timed_out=_each(_late_runs(), _time_out),
        unbound=_each(errands.unbound(), errands.end_unbound),
        answered=_each(errands.unanswered(), handing_over.heard)
        + _each(handing_over.unwoken(), handing_over.wake),
        recalled=_each(handing_over.unrecalled(), handing_over.recall),
        unanswered=_each(callbacks.overdue(), callbacks.time_out),
        ended=_each(timeouts.overdue(), timeouts.end),
        stopped=_each(timeouts.too_long(), timeouts.stop_attempt),
        gave_way=_each(deadlocks.found(), deadlocks.give_way),
        charged=_each(budgeting.unverified(), budgeting.charge_unverified),
        closed=_each(budgeting.unsettled_runs(), budgeting.close),
        admitted=_each(holdings.next_waiting(), _admit),
        funded=_each(budgeting.short_runs(), _advance),
        rung=_each(_unheard(), _ring_again),
    )


def _each(found: Iterable[Any], settle: Callable[[Any], bool]) -> int:
    """Settle every finding by itself: one that fails must not keep the others waiting."""
    settled = 0
    for pk in found:
        try:
            settled += settle(pk)
        except IllegalMoveError as illegal:
            logger.exception("%s was to go where its state does not lead", pk)
            tell(illegal)
        except Refusal as refusal:
            logger.info("%s was settled by somebody else: %s", pk, refusal.detail)
        except DatabaseError:
            logger.exception("%s could not be settled, the next sweep tries again", pk)
    return settled


def _expired_leases() -> list[UUID]:
    expired = Step.objects.filter(state=StepState.RUNNING, lease_expires_at__lte=Now())
    return list(expired.order_by("lease_expires_at").values_list("pk", flat=True)[:MOST_AT_ONCE])


def _reclaim(step_id: UUID) -> bool:
    with recording():
        step = _locked(step_id)
        if step.state != StepState.RUNNING:
            return False
        steps.reclaim(step)
        claims.mark_crashed(step)
        runs.advance(run_id=step.run_id)
    return True


def _elapsed() -> list[UUID]:
    over = Step.objects.filter(kind=StepKind.TIMER, state=StepState.RUNNING, not_before__lte=Now())
    return list(over.order_by("not_before").values_list("pk", flat=True)[:MOST_AT_ONCE])


def _elapse(step_id: UUID) -> bool:
    with recording():
        step = _locked(step_id)
        if step.state != StepState.RUNNING or step.run.state in RUN_FINAL:
            return False
        steps.succeed(step, {}, ENGINE)
        runs.advance(run_id=step.run_id)
    return True


def _rested() -> list[UUID]:
    rested = Step.objects.filter(state=StepState.BACKOFF, not_before__lte=Now())
    return list(rested.order_by("not_before").values_list("pk", flat=True)[:MOST_AT_ONCE])


def _wake(step_id: UUID) -> bool:
    with recording():
        step = _locked(step_id)
        if step.state != StepState.BACKOFF:
            return False
        steps.wake(step)
        runs.advance(run_id=step.run_id)
    return True


def _decided_gates() -> list[UUID]:
    decided = Step.objects.filter(
        state=StepState.AWAITING_APPROVAL,
        action__gate__state__in=[
            GateState.APPROVED,
            GateState.VOID,
            GateState.REJECTED,
            GateState.EXPIRED,
            GateState.CANCELLED,
        ],
    )
    return list(decided.values_list("action__gate", flat=True)[:MOST_AT_ONCE])


def _resume(gate_id: UUID) -> bool:
    return resumption.resume(gate_id=gate_id)


def _stuck_runs() -> list[UUID]:
    """Return runs whose state does not fit their steps: an advance was lost between the two."""
    moving = Step.objects.filter(
        run=OuterRef("pk"), state__in=[StepState.READY, StepState.RUNNING]
    ).exclude(kind__in=[StepKind.BLOCK, StepKind.TIMER])
    idle = Q(~Exists(moving), state=RunState.RUNNING)
    held_up = Q(Exists(moving), state=RunState.WAITING)
    asking = Step.objects.filter(run=OuterRef("pk"), state=StepState.AWAITING_APPROVAL)
    ending = Q(~Exists(moving), ~Exists(asking.filter(undoes__isnull=False)), state__in=RUN_ENDING)
    stuck = Run.objects.filter(idle | held_up | ending)
    return list(stuck.values_list("pk", flat=True)[:MOST_AT_ONCE])


def _advance(run_id: UUID) -> bool:
    runs.advance(run_id=run_id)
    return True


def _admit(run_id: UUID) -> bool:
    return runs.admit(run_id=run_id)


def _late_runs() -> list[UUID]:
    late = Run.objects.filter(deadline_at__lte=Now(), ending="").exclude(state__in=RUN_FINAL)
    return list(late.order_by("deadline_at").values_list("pk", flat=True)[:MOST_AT_ONCE])


def _time_out(run_id: UUID) -> bool:
    return runs.time_out(run_id=run_id)


def _unheard() -> list[UUID]:
    patience = timedelta(seconds=settings.RING_AGAIN_SECONDS)
    unheard = Step.objects.filter(
        Q(not_before__isnull=True) | Q(not_before__lte=Now()),
        state=StepState.READY,
        run__state__in=[RunState.RUNNING, *RUN_ENDING],
    ).alias(last_rung=Coalesce("rung_at", "created_at"))
    due = unheard.filter(last_rung__lte=Now() - patience)
    return list(due.order_by("created_at").values_list("pk", flat=True)[:MOST_AT_ONCE])


def _ring_again(step_id: UUID) -> bool:
    with recording():
        step = Step.objects.filter(pk=step_id, state=StepState.READY).first()
        if step is None:
            return False
        bells.ring(step)
    return True


def _locked(step_id: UUID) -> Step:
    runs.lock(Step.objects.values_list("run_id", flat=True).get(pk=step_id))
    return Step.objects.select_related("run").get(pk=step_id)
