"""What becomes of steps whose time is used up (engine.md 5.6, S12, S14, S22, S24).

Time is the database's. A step whose effect is under way is never ended: nobody could say how
that ended. After a point of no return a run only goes forward, so a step there waits on, or a
person is asked.
"""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit.services.events import recording
from governance.models import Effect, EffectState, Gate, GateState
from governance.services import gates
from orchestrator.models import RunState, Step, StepKind, StepState
from orchestrator.runners.base import AgentFailedError
from orchestrator.services import claims, failures, pivots, runs, steps, timing
from orchestrator.services.history import ENGINE

MOST_AT_ONCE = 200
START, CLOSE = "schedule_to_start", "schedule_to_close"
_GOES_ON = (RunState.RUNNING, RunState.WAITING)
_WAITS = (
    StepState.READY,
    StepState.BACKOFF,
    StepState.AWAITING_APPROVAL,
    StepState.AWAITING_INPUT,
    StepState.AWAITING_AUTH,
    StepState.AWAITING_BUDGET,
)
_NO_START = Q(state=StepState.READY, start_by__lte=Now())
_NO_CLOSE = Q(state__in=(*_WAITS, StepState.RUNNING), close_by__lte=Now())
_OPEN = (EffectState.IN_FLIGHT, EffectState.UNKNOWN)


def overdue() -> list[UUID]:
    """Return the steps that waited for a worker, or for anything at all, for too long."""
    late = Step.objects.filter(_NO_START | _NO_CLOSE, run__state__in=_GOES_ON)
    settled = late.exclude(action__effect__state__in=_OPEN)
    return list(settled.order_by("created_at").values_list("pk", flat=True)[:MOST_AT_ONCE])


def end(step_id: UUID) -> bool:
    """End a step whose time is used up, and say whether it was."""
    with recording():
        runs.lock(Step.objects.values_list("run_id", flat=True).get(pk=step_id))
        late = Step.objects.filter(_NO_START | _NO_CLOSE, pk=step_id, run__state__in=_GOES_ON)
        step = late.select_related("run").first()
        if step is None or _effect_is_open(step) or not _ended(step):
            return False
        runs.advance(run_id=step.run_id)
    return True


def too_long() -> list[UUID]:
    """Return the steps whose turn takes longer than one may, and longer than a runner notices.

    A runner ends its turn itself; this is for one that does not.
    """
    held = Step.objects.filter(
        state=StepState.RUNNING, kind=StepKind.TURN, undoes__isnull=True, action__isnull=True
    )
    working = held.exclude(lease_owner="").select_related("run").annotate(now=Now())
    return [step.pk for step in working if _is_too_long(step)]


def stop_attempt(step_id: UUID) -> bool:
    """Count an attempt that took too long as a failed one, and say whether it did."""
    with recording():
        runs.lock(Step.objects.values_list("run_id", flat=True).get(pk=step_id))
        found = Step.objects.filter(pk=step_id, state=StepState.RUNNING, action__isnull=True)
        step = found.select_related("run").annotate(now=Now()).first()
        if step is None or not _is_too_long(step):
            return False
        detail = _("The turn took longer than its file allows.")
        error = AgentFailedError(failures.TIMED_OUT, detail, retryable=True)
        failures.settle(step, error)
        claims.mark_timed_out(step, error.code, error.detail)
        runs.advance(run_id=step.run_id)
    return True


def restart_the_clock(run_id: UUID) -> None:
    """Let ready steps of a run that was paused wait anew: nobody could have begun them."""
    waiting = Step.objects.filter(run_id=run_id, state=StepState.READY, start_by__isnull=False)
    for step in waiting.select_related("run"):
        Step.objects.filter(pk=step.pk).update(start_by=timing.times_again(step)["start_by"])


def _is_too_long(step: Step) -> bool:
    timeouts, now = timing.timeouts_of(step), getattr(step, "now", None)
    if timeouts is None or step.claimed_at is None or now is None:
        return False
    grace = timedelta(seconds=settings.TURN_GRACE_SECONDS)
    return bool(now - step.claimed_at > timeouts.start_to_close + grace)


def _ended(step: Step) -> bool:
    code, detail = _why(step)
    is_held = step.state == StepState.RUNNING
    if pivots.is_passed(step.run):
        if not is_held:
            return False
        steps.escalate(step, code, detail)
    else:
        _withdraw(step, detail)
        steps.time_out(step, code, detail)
    if is_held:
        claims.mark_timed_out(step, code, detail)
    return True


def _why(step: Step) -> tuple[str, str]:
    if Step.objects.filter(pk=step.pk).filter(_NO_CLOSE).exists():
        return CLOSE, _("The step was not done in the time that its file allows.")
    return START, _("No worker began the step in the time that its file allows.")


def _effect_is_open(step: Step) -> bool:
    return Effect.objects.filter(action=step.action_id, state__in=_OPEN).exists()


def _withdraw(step: Step, reason: str) -> None:
    waiting = Gate.objects.filter(action=step.action_id, state=GateState.PENDING)
    if step.action_id is not None:
        for gate_id in list(waiting.values_list("pk", flat=True)):
            gates.cancel(gate_id=gate_id, actor=ENGINE, reason=reason)
