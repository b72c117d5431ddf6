"""An escalated step in the hands of a person: who may take it, and what stands in the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from audit.services.events import recording
from audit.types import Actor
from governance.models import Effect, EffectState, Gate, GateState, Person
from governance.refusals import Refusal
from governance.services import gates
from orchestrator.models import STEP_FINAL, Run, RunState, Step, StepKind, StepState
from orchestrator.runners.supply import SLUG as SUPPLY
from orchestrator.services import bells, rollback, runs
from orchestrator.services.history import tell_run
from orchestrator.services.operators import checked
from orchestrator.services.refused import refusals_recorded
from orchestrator.services.run_states import move
from orchestrator.services.trusting import refuse_unless_it_follows

_IN_DOUBT = (EffectState.IN_FLIGHT, EffectState.UNKNOWN)
# After these the run goes on; all others end it, or undo what it did.
_GOES_ON = frozenset({"retry", "reroute", "skip", "reconcile", "announce_again"})
_OPEN_TO_VERBS = (RunState.RUNNING, RunState.WAITING, RunState.ESCALATED, RunState.PAUSED)


@dataclass(frozen=True, slots=True)
class Taken:
    """An escalated step in the hands of a person, its run locked."""

    step: Step
    run: Run
    actor: Actor
    reason: str

    @property
    def is_undo(self) -> bool:
        """Whether the step undoes an effect instead of doing something."""
        return self.step.undoes_id is not None


@contextmanager
def taken(run_id: UUID, step_id: UUID, verb: str, person: Person, reason: str) -> Iterator[Taken]:
    """Hold an escalated step in one transaction, so that one person at a time decides about it.

    Raises Refusal for who may not operate runs, and for a step that does not need a person.
    """
    with refusals_recorded(run_id=run_id, verb=verb, person=person):
        before = step_of(run_id, step_id)
        said = checked(run=before.run, person=person, reason=reason)
        if verb in _GOES_ON and not before.undoes_id:
            refuse_unless_it_follows(run_id)
        with recording():
            run = runs.lock(run_id)
            step = step_of(run_id, step_id)
            refuse_unless_escalated(run, step)
            yield Taken(step, run, Actor.person(person.pk), said)


def go_on(taken: Taken) -> None:
    """Let the run follow the step it waited for; a paused one waits until it is resumed."""
    _withdraw_offers(taken)
    step = Step.objects.select_related("run").get(pk=taken.step.pk)
    if step.state == StepState.READY:
        bells.ring(step)
    if taken.is_undo:
        rollback.take_up(taken.run)
        return
    if taken.run.state == RunState.ESCALATED:
        move(taken.run, RunState.RUNNING, error_code="", error_detail="")
        tell_run(taken.run, "run.resumed", taken.actor, reason=taken.reason)
    runs.advance(run_id=taken.run.pk)


def refuse_unless_escalated(run: Run, step: Step) -> None:
    """Raise Refusal unless people may decide about this step now."""
    if step.state != StepState.ESCALATED or run.state not in _OPEN_TO_VERBS:
        detail = _("Step %(path)s does not need a person: it is %(state)s.")
        words = {"path": step.path, "state": step.get_state_display().lower()}
        raise Refusal("not_escalated", detail % words)


def refuse_in_doubt(step: Step) -> None:
    """Raise Refusal while nobody knows how the effect of the step ended."""
    if effect_in_doubt(step):
        detail = _("Nobody knows whether the effect of step %(path)s happened; settle that first.")
        raise Refusal("effect_in_doubt", detail % {"path": step.path})


def refuse_without_worker(step: Step) -> None:
    """Raise Refusal for a block, or a step nobody was asked for: no agent could begin it."""
    if step.kind == StepKind.BLOCK or step.agent_id is None:
        detail = _(
            "Nobody works on step %(path)s itself; decide about what is inside, or fail it."
        )
        raise Refusal("nobody_works_on_it", detail % {"path": step.place})


def refuse_around_others(step: Step) -> None:
    """Raise Refusal for a block while something inside of it has not ended."""
    inside = Step.objects.filter(run=step.run_id, path__startswith=f"{step.place}/")
    if step.kind == StepKind.BLOCK and inside.exclude(state__in=STEP_FINAL).exists():
        detail = _("Block %(path)s is not decided by itself while steps inside have not ended.")
        raise Refusal("steps_inside", detail % {"path": step.place})


def refuse_for_undo(step: Step) -> None:
    """Raise Refusal for a compensation step, which no agent does and which has no output."""
    if step.undoes_id:
        detail = _("An undo is done by its tool; try it again, skip it, or close the run.")
        raise Refusal("not_for_undo", detail)


def step_of(run_id: UUID, step_id: UUID) -> Step:
    """Return the run's step; raises Refusal `not_found` (404)."""
    found = Step.objects.select_related("run__domain", "agent").filter(pk=step_id, run_id=run_id)
    step = found.first()
    if step is None:
        raise Refusal("not_found", _("The run has no such step."), status=404)
    return step


def effect_in_doubt(step: Step) -> Effect | None:
    """Return the effect of the step, or the one it undoes, while nobody knows how it ended."""
    found = Effect.objects.filter(state__in=_IN_DOUBT)
    if step.undoes_id:
        return found.filter(pk=step.undoes_id).first()
    return found.filter(action=step.action_id).first() if step.action_id else None


def _withdraw_offers(taken: Taken) -> None:
    offered = Gate.objects.filter(
        action__run_id=taken.run.pk,
        action__step_path=taken.step.place,
        action__tool=SUPPLY,
        state=GateState.PENDING,
    )
    for gate_id in list(offered.values_list("pk", flat=True)):
        gates.cancel(gate_id=gate_id, actor=taken.actor, reason=taken.reason)
