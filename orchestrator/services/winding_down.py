"""What is under way in a run that ends is stopped, but never in the middle of an effect."""

from django.utils.translation import gettext as _

from governance.models import Effect, EffectState, Gate, GateState
from governance.services import effects, gates
from orchestrator.models import STEP_FINAL, Run, Step, StepState
from orchestrator.runners.undo import SLUG as UNDO
from orchestrator.services import steps
from orchestrator.services.history import ENGINE

# Where somebody or the sweep still comes by, so that an effect in flight will be settled.
_COMES_BY = frozenset({StepState.READY, StepState.RUNNING, StepState.BACKOFF})


def wind_down(run: Run, reason: str, *, gently: bool = False) -> bool:
    """Close the run's gates and end its steps; return whether nothing is under way any more.

    Gates at which an undo waits stay open, because that is how the run ends.

    A step whose effect is in flight goes on until that is settled. `gently` leaves workers at
    their turns: they are told at their next heartbeat. Blocks and timers have no worker.
    """
    waiting = Gate.objects.filter(action__run_id=run.pk, state=GateState.PENDING)
    waiting = waiting.exclude(action__tool=UNDO)
    open_gates = list(waiting.order_by("pk").values_list("pk", flat=True))
    under_way = [step for step in _not_ended(run) if not _stopped(step, gently=gently)]
    for gate_id in open_gates:
        gates.cancel(gate_id=gate_id, actor=ENGINE, reason=reason)
    return not under_way


def effect_in_flight(step: Step) -> Effect | None:
    """Return the effect of the step's action while nobody has said how it ended."""
    if step.action_id is None:
        return None
    found = Effect.objects.filter(action_id=step.action_id, state=EffectState.IN_FLIGHT)
    return found.first()


def _not_ended(run: Run) -> list[Step]:
    open_steps = run.steps.exclude(state__in=STEP_FINAL).filter(undoes__isnull=True)
    return list(open_steps.select_related("run").order_by("position", "path", "iteration"))


def _stopped(step: Step, *, gently: bool) -> bool:
    effect = effect_in_flight(step)
    if effect is not None and step.state in _COMES_BY:
        return False
    if effect is None and gently and step.state == StepState.RUNNING and step.lease_owner:
        return False
    if effect is not None:
        why = _("Its workers were lost, and the run ended before anybody asked the target.")
        effects.mark_unknown(effect_id=effect.pk, fence=effect.fence, error=why)
    steps.cancel(step)
    return True
