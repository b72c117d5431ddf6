"""Agents that answer later: the address they answer at, and whether an answer is in time.

A token is signed, names the step and the epoch of the claim that sent it, and is used up by the
state of the step: an answer is taken while the step waits under that epoch, and then no more.
"""

from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.services.events import recording
from governance.models import Lifecycle
from governance.refusals import Invalid, Refusal
from orchestrator.models import RUN_ENDING, RUN_FINAL, Step, StepState
from orchestrator.runners.answer import load
from orchestrator.runners.base import AgentFailedError, Callback
from orchestrator.services import conversations, pivots, runs, steps
from orchestrator.services.claims import Claim
from orchestrator.services.step_rows import agent_of

SALT = "countersign.callback"
MOST_AT_ONCE = 200


def issued(claim: Claim) -> Callback:
    """Return where the agent of this claim may answer, once."""
    token = signing.dumps([str(claim.step_id), claim.epoch], salt=SALT, compress=False)
    address = reverse("api-callback", args=[claim.step_id])
    return Callback(f"{settings.BASE_URL}{address}", token)


def accept(*, step_id: UUID, token: str, content: bytes) -> None:
    """Take an agent's answer over and queue the turn that reads it.

    Raises Refusal: `not_found` for a forged token, `too_early` (425) while the request is still
    being answered, `callback_over` (410) for an answer that is late, used or not wanted any more,
    and Invalid for one that has not the shape of an answer, which uses nothing up.
    """
    epoch = _epoch_in(token, step_id)
    try:
        answer = load(content)
    except AgentFailedError as error:
        raise Invalid(error.code, error.detail) from None
    with recording():
        step = _locked(step_id)
        if step.state == StepState.RUNNING and step.epoch == epoch:
            raise Refusal("too_early", _("Answer the request first, then call back."), status=425)
        if not _is_awaited(step, epoch):
            raise _over()
        conversations.answered(step, answer)
        runs.advance(run_id=step.run_id)


def overdue() -> list[UUID]:
    """Return the steps whose agents have not answered in time."""
    late = Step.objects.filter(state=StepState.AWAITING_INPUT, not_before__lte=Now())
    going_on = late.exclude(run__state__in=[*RUN_FINAL, *RUN_ENDING])
    return list(going_on.order_by("not_before").values_list("pk", flat=True)[:MOST_AT_ONCE])


def time_out(step_id: UUID) -> bool:
    """End a step whose agent has not answered in time, and say whether it was.

    After a point of no return the run only goes forward, so the step waits on.
    """
    with recording():
        step = _locked(step_id)
        late = Step.objects.filter(
            pk=step_id, state=StepState.AWAITING_INPUT, not_before__lte=Now()
        )
        if not late.exists() or pivots.is_passed(step.run):
            return False
        steps.time_out(step, "timed_out", _("The agent did not answer in time."))
        runs.advance(run_id=step.run_id)
    return True


def _epoch_in(token: str, step_id: UUID) -> int:
    try:
        named, epoch = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        named, epoch = "", 0
    if named != str(step_id):
        raise Refusal("not_found", _("Nobody waits for an answer here."), status=404)
    return int(epoch)


def _is_awaited(step: Step, epoch: int) -> bool:
    waits = Step.objects.filter(
        pk=step.pk, state=StepState.AWAITING_INPUT, epoch=epoch, not_before__gt=Now()
    )
    goes_on = step.run.state not in {*RUN_FINAL, *RUN_ENDING}
    return goes_on and agent_of(step).lifecycle == Lifecycle.ACTIVE and waits.exists()


def _over() -> Refusal:
    return Refusal("callback_over", _("This answer is not waited for any more."), status=410)


def _locked(step_id: UUID) -> Step:
    found = Step.objects.filter(pk=step_id).values_list("run_id", flat=True).first()
    if found is None:
        raise _over()
    runs.lock(found)
    return Step.objects.select_related("run", "agent").get(pk=step_id)
