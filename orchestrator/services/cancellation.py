"""A person stops a run for good (engine.md 5.9).

What had not begun is ended at once, workers learn at their next heartbeat, and an effect that is
in flight is settled before anything is undone. What was committed before the request counts.
"""

import uuid
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit.services.events import recording
from audit.types import Actor
from governance.models import EffectClass, Person
from governance.refusals import Refusal
from orchestrator.models import RUN_ENDING, RUN_FINAL, Run, RunState, Step, StepState
from orchestrator.services import bells, claims, rollback, runs, steps
from orchestrator.services.claims import Claim
from orchestrator.services.history import tell_run
from orchestrator.services.operators import checked
from orchestrator.services.refused import refusals_recorded
from orchestrator.services.run_states import move
from orchestrator.services.winding_down import effect_in_flight

CODE = "cancelled"
# Nobody here: the domain that a run was begun for.
FEDERATION = Actor.system("federation")


def cancel(*, run_id: UUID, person: Person, reason: str) -> Run:
    """Ask for the end of a run. A second request changes nothing and keeps the first one's id.

    Raises Refusal for a run that has ended, or whose effects are being undone already.
    """
    with refusals_recorded(run_id=run_id, verb="cancel", person=person):
        reason = checked(run=_with_domain(run_id), person=person, reason=reason)
        with recording():
            run = runs.lock(run_id)
            if run.cancel_id is None:
                _request(run, person, reason)
    return _with_domain(run_id)


def withdraw(*, run_id: UUID, reason: str) -> bool:
    """End a run for the domain that asked for it and does not any more; whether it was ended.

    One that has ended, or is ending already, is left to that.
    """
    with recording():
        run = runs.lock(run_id)
        if run.contract_id is None or run.state in RUN_FINAL or run.ending:
            return False
        _request(run, None, reason)
    return True


def let_go(claim: Claim) -> None:
    """Give back what a worker still holds of a run that is ending or paused.

    Called by a worker that learned it: the step ends, or waits for the run to go on.
    """
    with recording():
        run = runs.lock(claim.run_id)
        held = Step.objects.filter(pk=claim.step_id, state=StepState.RUNNING, epoch=claim.epoch)
        step = held.select_related("run").first()
        if step is None or run.state not in {*RUN_ENDING, RunState.PAUSED}:
            return
        steps.cancel(step) if run.state in RUN_ENDING else steps.revoke(step)
        runs.advance(run_id=claim.run_id)


def overdue() -> list[UUID]:
    """Return the cancelled runs whose workers were given time enough."""
    grace = timedelta(seconds=settings.CANCEL_GRACE_SECONDS)
    late = Q(cancel_at__lte=Now() - grace, steps__state=StepState.RUNNING)
    found = Run.objects.filter(late, state=RunState.CANCELLING)
    return list(found.order_by("cancel_at").values_list("pk", flat=True).distinct())


def revoke(run_id: UUID) -> bool:
    """Take their steps from workers that did not react in time, and say whether any was.

    Another worker settles an effect that is in flight. One that cannot be asked about stays with
    its worker while that lives, because nobody else could ever tell how it ended.
    """
    with recording():
        run = runs.lock(run_id)
        if run.state != RunState.CANCELLING:
            return False
        held = run.steps.filter(state=StepState.RUNNING, undoes__isnull=True)
        taken = [step for step in held.select_related("run") if _revoked(step)]
        runs.advance(run_id=run_id)
    return bool(taken)


def _with_domain(run_id: UUID) -> Run:
    return Run.objects.select_related("domain").get(pk=run_id)


def _request(run: Run, person: Person | None, reason: str) -> None:
    if run.state in RUN_FINAL:
        detail = _("The run has ended (%(state)s); there is nothing to cancel.")
        raise Refusal("run_ended", detail % {"state": run.get_state_display().lower()})
    if run.ending:
        raise Refusal("rolling_back", _("The run is ending already and undoes what it did."))
    request: dict[str, Any] = {
        "cancel_id": uuid.uuid4(),
        "cancel_by": person,
        "cancel_reason": reason,
    }
    cause: dict[str, Any] = {
        "ending": RunState.CANCELLED,
        "ending_code": CODE,
        "ending_detail": reason,
    }
    move(run, RunState.CANCELLING, cancel_at=Now(), **request, **cause)
    run.refresh_from_db()
    tell_run(
        run,
        "run.cancel_requested",
        Actor.person(person.pk) if person else FEDERATION,
        reason=reason,
        request=str(run.cancel_id),
    )
    rollback.proceed(run)


def _revoked(step: Step) -> bool:
    effect = effect_in_flight(step)
    if effect is None:
        steps.cancel(step)
    elif effect.effect_class == EffectClass.NONE:
        return False
    else:
        steps.revoke(step)
        bells.ring(Step.objects.get(pk=step.pk))
    claims.mark_revoked(step)
    return True
