"""The caller's side of a contract: a turn of another domain's agent is asked for, not taken.

The step waits without a worker until the other domain answers; the answer is believed only with
a receipt that holds. Whatever is asked twice is one errand there.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from audit.canonical import digest
from audit.services.events import recording
from governance.models import Contract, Receipt
from governance.refusals import Refusal
from governance.selectors import binding
from governance.services import receipts
from governance.services.receipts import FEDERATION, Origin
from orchestrator.federation.registry import transport_to
from orchestrator.federation.transport import Answer, Message, TransportError
from orchestrator.models import (
    RUN_ENDING,
    RUN_FINAL,
    STEP_FINAL,
    AttemptOutcome,
    Errand,
    Step,
    StepState,
)
from orchestrator.runners.base import AgentFailedError, AgentRequest, AgentResult
from orchestrator.services import answers, claims, crossing, errands, failures, runs, steps
from orchestrator.services.claims import Claim
from orchestrator.services.definitions import definition_of
from orchestrator.services.history import ENGINE, tell_step
from orchestrator.services.step_rows import agent_of, is_abroad

MOST_AT_ONCE = 200
_LONGEST = timedelta(seconds=999_999)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered(AgentResult):
    """The result of a turn that another domain took, with the receipt that has to hold."""

    answer: Answer | None = None


class HandedOverError(Exception):
    """The turn is with another domain: nothing of it to take over yet, or no output at all."""

    def __init__(self, key: str, answer: Answer | None) -> None:
        super().__init__(key)
        self.key = key
        self.answer = answer


def ask(claim: Claim, step: Step, request: AgentRequest) -> Answered:
    """Ask the agent's domain for the turn; returns its answer if it succeeded there.

    Raises AgentFailedError when that is refused, HandedOverError when there is no output (yet).
    """
    try:
        errand = _opened(claim, step)
        message = _message(errand, step, request)
        answer = transport_to(errand.contract.callee).submit(message)
    except Refusal as no:
        passes = no.code == errands.AWAITED
        raise AgentFailedError(no.code, no.detail, retryable=passes) from None
    except TransportError as error:
        raise AgentFailedError("transport", str(error), retryable=True) from error
    if answer is None or answer.body.get("outcome") != "succeeded":
        raise HandedOverError(errand.pk, answer)
    return Answered(output=answer.output, answer=answer)


def settle(claim: Claim, handed: HandedOverError) -> Claim | None:
    """Let the step wait for the other domain, or end as it says; the worker goes on elsewhere."""
    with recording():
        runs.lock(claim.run_id)
        step = claims.held(claim, not_while=RUN_ENDING)
        errand = Errand.objects.select_related("contract").get(pk=handed.key)
        if handed.answer is None:
            asked = errand.contract
            words: dict[str, Any] = {"contract": asked.name, "domain": asked.callee.slug}
            steps.await_input(step, "step.handed_over", errand=errand.pk, **words)
            transaction.on_commit(partial(_look_once_more, errand.pk), robust=True)
            claims.close(claim, AttemptOutcome.HANDED_OVER)
        else:
            accept(step, handed.answer)
            _end(step, errand.contract, handed.answer)
            code = str(handed.answer.body["code"])
            claims.close(claim, AttemptOutcome.FAILED, code=code)
        return runs.advance(run_id=claim.run_id, worker=claim.worker)


def accept(step: Step, answer: Answer) -> None:
    """Verify the receipt and that the contract still binds; joins the caller's transaction.

    Raises Refusal `receipt` or `contract`, and then nothing is taken over.
    """
    errand = Errand.objects.select_related("contract").get(pk=key_of(step))
    contract = binding.require(errand.contract, callee_id=agent_of(step).domain_id)
    receipts.accept(
        contract=contract,
        origin=Origin(errand.pk, str(step.run_id), step.place),
        output=answer.output,
        body=answer.body,
        signature=answer.signature,
    )


def heard(run_id: UUID) -> bool:
    """Take note that the run of an errand ended: its receipt is signed, its step is woken.

    Calling it again, or too early, changes nothing.
    """
    errands.answer(run_id=run_id)
    errand = Errand.objects.filter(run=run_id, run__state__in=RUN_FINAL).first()
    return errand is not None and wake(errand.pk)


def wake(key: str) -> bool:
    """Queue the step that waits for an errand, and say whether there was one."""
    errand = Errand.objects.filter(pk=key, step__isnull=False).select_related("step").first()
    if errand is None or errand.step is None:
        return False
    with recording():
        runs.lock(errand.step.run_id)
        step = Step.objects.select_related("run").get(pk=errand.step.pk)
        if step.state != StepState.AWAITING_INPUT or key_of(step) != key:
            return False
        steps.queue_again(step, FEDERATION, "step.answered", {"crash_count": 0}, errand=key)
        runs.advance(run_id=step.run_id)
    return True


def recall(key: str) -> bool:
    """Ask the other domain to stop what nobody waits for any more; recorded if it did."""
    errand = Errand.objects.select_related("contract__callee", "step__run").get(pk=key)
    step = errand.step
    if step is None or step.state not in STEP_FINAL:
        return False
    reason = _("The domain that asked for it does not need it any more.")
    try:
        was_stopped = transport_to(errand.contract.callee).recall(key, reason=reason)
    except TransportError as error:
        logger.warning(
            "errand %s could not be recalled, the next sweep tries again: %s", key, error
        )
        return False
    if was_stopped:
        with recording():
            tell_step(step, "step.recalled", ENGINE, errand=key)
    return was_stopped


def recall_of(step_id: UUID) -> None:
    """Recall everything that was asked for a step which has ended."""
    for key in Errand.objects.filter(step=step_id).values_list("pk", flat=True):
        recall(key)


def unwoken() -> list[str]:
    """Return the errands that ended while their step still waits for them."""
    waiting = Errand.objects.filter(step__state=StepState.AWAITING_INPUT)
    ended = waiting.filter(run__state__in=RUN_FINAL).order_by("created_at")
    return list(ended.values_list("pk", flat=True)[:MOST_AT_ONCE])


def unrecalled() -> list[str]:
    """Return the errands that are under way for a step which has ended."""
    open_ones = Errand.objects.filter(receipt=None, run__ending="")
    lost = open_ones.filter(step__state__in=STEP_FINAL).exclude(run__state__in=RUN_FINAL)
    return list(lost.order_by("created_at").values_list("pk", flat=True)[:MOST_AT_ONCE])


def key_of(step: Step) -> str:
    """Return the id of the message that asks for a step: the same until it was answered.

    Another message is made of it only when its answer did not pass a checkpoint, or a person
    lets the step begin again.
    """
    asked = step.errands.values("pk")
    answered = Receipt.objects.filter(holder=step.run.domain_id, message__in=asked).count()
    return digest([str(step.run_id), step.path, step.iteration, step.human_retries, answered])


def _opened(claim: Claim, step: Step) -> Errand:
    """Return the errand of the step, kept before anything is sent; raises Refusal."""
    if not is_abroad(step):
        raise TypeError("an agent of this domain takes its turn here")
    with recording():
        runs.lock(claim.run_id)
        held = claims.held(claim, not_while=RUN_ENDING)
        errand = Errand.objects.filter(pk=key_of(held)).select_related("contract").first()
        contract = _binding(held, errand)
        if errand is None:
            errand = Errand.objects.create(pk=key_of(held), contract=contract, step=held)
    errand.contract = contract
    return errand


def _binding(step: Step, errand: Errand | None) -> Contract:
    """Return the contract that lets the step be done; what was asked once stays under its own."""
    agent = agent_of(step)
    definition = definition_of(step.run.workflow_id)
    ref = definition.agents.get(step.alias)
    named = binding.named(step.run.domain_id, ref.contract) if ref and ref.contract else None
    contract = binding.require(errand.contract if errand else named, callee_id=agent.domain_id)
    # Whose data it is looks before anything leaves; the other side looks again.
    binding.require_data(contract, crossing.classes_of(step, definition))
    if errand is None or errand.run_id is None:
        binding.require_budget(contract, holder=contract.caller)
    return contract


def _message(errand: Errand, step: Step, request: AgentRequest) -> Message:
    definition, agent = definition_of(step.run.workflow_id), agent_of(step)
    return Message(
        id=errand.pk,
        contract=errand.contract.digest,
        run=str(step.run_id),
        step=step.place,
        agent=f"{agent.slug}@{agent.version}",
        on_behalf_of=str(step.run.initiator_id),
        inputs=request.inputs,
        context=crossing.going_out(request.context),
        task=request.task,
        is_judged=answers.is_judged_by_its_block(step, definition),
        data_classes=crossing.classes_of(step, definition),
        budget={**definition.budget.caps, **definition.step(step.path).budget},
        deadline=str(definition.plain["limits"]["deadline"]),
        start_to_close=_seconds(request.deadline),
        max_attempts=definition.max_attempts,
    )


def _seconds(span: timedelta) -> str:
    return f"{int(min(span, _LONGEST).total_seconds())}s"


def _end(step: Step, contract: Contract, answer: Answer) -> None:
    """End the step as the other domain did; why people there said no stays there."""
    outcome, code = str(answer.body["outcome"]), str(answer.body["code"])
    words = {"domain": contract.callee, "code": code or outcome}
    if outcome == "rejected":
        steps.reject(step, code, _("%(domain)s rejected it.") % words)
    else:
        detail = _("It was not done in %(domain)s: %(code)s.") % words
        failures.use_up(step, code or outcome, detail)


def _look_once_more(key: str) -> None:
    """Find an answer that came before the step was waiting for it."""
    ended = Errand.objects.filter(pk=key, run__state__in=RUN_FINAL).values_list(
        "run_id", flat=True
    )
    for run_id in ended:
        if run_id is not None:
            heard(run_id)
