"""A person holds a run up for a while (engine.md 5.9).

Nothing new is claimed while it is paused. People may still decide at its gates; what they let
happen waits. Of the budgets above it a paused run keeps its reserve and what turns under way
hold; the rest is others' until it is resumed, and then it may have to wait for it.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from audit.services.events import recording
from audit.types import Actor
from governance.models import Person
from governance.refusals import Refusal
from orchestrator.models import PauseMode, Run, RunState, StepState
from orchestrator.services import bells, claims, runs, spending, steps, timeouts
from orchestrator.services.history import ENGINE, tell_run
from orchestrator.services.operators import checked
from orchestrator.services.refused import refusals_recorded
from orchestrator.services.run_states import move
from orchestrator.services.trusting import refuse_unless_it_follows
from orchestrator.services.winding_down import effect_in_flight

_UNPAUSED: Mapping[str, Any] = {"pause_mode": "", "pause_by": None, "pause_reason": ""}


def pause(*, run_id: UUID, person: Person, reason: str, mode: PauseMode = PauseMode.DRAIN) -> Run:
    """Hold the run up. Turns under way finish, or lose their claim at once (`now`).

    An effect in flight is never interrupted. Raises Refusal for a run that is not under way;
    rolling back is never held up.
    """
    with refusals_recorded(run_id=run_id, verb="pause", person=person):
        reason = checked(run=_with_domain(run_id), person=person, reason=reason)
        with recording():
            run = runs.lock(run_id)
            _refuse_unless_it_can_wait(run)
            move(run, RunState.PAUSED, pause_mode=mode, pause_by=person, pause_reason=reason)
            actor = Actor.person(person.pk)
            tell_run(run, "run.paused", actor, reason=reason, mode=PauseMode(mode).value)
            if mode == PauseMode.NOW:
                _stop_turns(run)
            spending.lend(run)
    return _with_domain(run_id)


def hold_up(*, run_id: UUID, reason: str) -> bool:
    """Pause a run by rule instead of by a person, and say whether it was under way.

    Turns under way finish. Only a person lets it go on.
    """
    with recording():
        run = runs.lock(run_id)
        if run.state not in (RunState.RUNNING, RunState.WAITING):
            return False
        move(run, RunState.PAUSED, pause_mode=PauseMode.DRAIN, pause_reason=reason)
        said = {"reason": reason, "mode": PauseMode.DRAIN.value}
        tell_run(run, "run.paused", ENGINE, **said)
        spending.lend(run)
    return True


def resume(*, run_id: UUID, person: Person, reason: str) -> Run:
    """Let a paused run go on from where its steps stand now; raises Refusal if it is not."""
    with refusals_recorded(run_id=run_id, verb="resume", person=person):
        reason = checked(run=_with_domain(run_id), person=person, reason=reason)
        refuse_unless_it_follows(run_id)
        with recording():
            run = runs.lock(run_id)
            if run.state != RunState.PAUSED:
                raise Refusal("not_paused", _("The run is not paused, so it cannot be resumed."))
            move(run, RunState.RUNNING, **_UNPAUSED)
            tell_run(run, "run.resumed", Actor.person(person.pk), reason=reason)
            timeouts.restart_the_clock(run_id)
            for step in run.steps.filter(state=StepState.READY).order_by("position"):
                bells.ring(step)
            runs.advance(run_id=run_id)
    return _with_domain(run_id)


def _with_domain(run_id: UUID) -> Run:
    return Run.objects.select_related("domain").get(pk=run_id)


def _refuse_unless_it_can_wait(run: Run) -> None:
    if run.state == RunState.PAUSED:
        raise Refusal("already_paused", _("The run is paused already."))
    if run.ending:
        raise Refusal("rolling_back", _("The run is ending; that is not held up."))


def _stop_turns(run: Run) -> None:
    held = run.steps.filter(state=StepState.RUNNING).exclude(lease_owner="")
    for step in held.select_related("run"):
        if effect_in_flight(step) is None:
            steps.revoke(step)
            claims.mark_revoked(step)
