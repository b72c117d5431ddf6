"""A worker undoes one effect. Its key is the effect's, so that repeating it changes nothing."""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from audit.services.events import recording
from audit.types import Actor
from governance.adapters import (
    EffectRefusedError,
    EffectUnknownError,
    FactUnavailableError,
    adapter_for,
)
from governance.models import Effect, EffectState, Outcome, Warrant
from governance.refusals import Refusal
from governance.services import actions, effects, warrants
from governance.services.actions import Proposed
from governance.services.warrants import Claimed, Drifted
from orchestrator.models import AttemptKind, AttemptOutcome, Step
from orchestrator.patterns.retry import delay_after
from orchestrator.runners.base import TurnLostError
from orchestrator.services import claims, failures, proposals, runs, steps, undo_agreements
from orchestrator.services.beating import beating
from orchestrator.services.claims import Claim

CODE = "compensation_failed"
# What a moment later may be otherwise.
_PASSING = frozenset({"fact_unavailable", "warrant_not_usable"})
# An agreement that was not used in time is asked for once more.
_LAPSED = frozenset({"warrant_expired", "warrant_void"})

logger = logging.getLogger(__name__)


def undo(*, step_id: UUID, worker: str) -> bool:
    """Undo what the compensation step is for, and say whether it was ours to do.

    The undo was registered with its effect before that was attempted, and whoever approved the
    one was shown the other. Where the file or policy asks for more, its warrant is needed first.
    """
    claim = claims.claim(step_id=step_id, kind=AttemptKind.COMPENSATION, worker=worker)
    if claim is None:
        return False
    try:
        with beating(claim):
            _carry_out(claim)
    except TurnLostError as lost:
        logger.info("%s", lost)
        claims.mark_stale(claim)
    return True


def _carry_out(claim: Claim) -> None:
    around = ("action__tool", "action__agent", "action__on_behalf_of")
    effect = Effect.objects.select_related(*around).get(undoing=claim.step_id)
    claims.name_runner(claim, f"tool {effect.action.tool_id}")
    if effect.state == EffectState.UNKNOWN and not effect.compensation.get("safe_if_absent"):
        why = _("Nobody knows whether it happened, and its undo is not safe if it did not.")
        _leave_to_people(claim, "ambiguous_effect", why)
    elif claim.step.action_id is not None:
        _carry_out_as_agreed(claim, effect)
    elif undo_agreements.is_needed(claim.step, effect):
        _ask(claim, effect)
    else:
        _compensate(claim, effect)


def _ask(claim: Claim, effect: Effect) -> None:
    """Propose the undo; what governance refuses to be asked is left to people."""
    try:
        prepared = undo_agreements.prepared(claim.step, effect)
    except Refusal as no:
        _refused(claim, no.code, no.detail)
        return
    with recording():
        run = runs.lock(claim.run_id)
        step = claims.held(claim)
        undo_agreements.drop(step, _("It ended before the undo was done, and is asked for anew."))
        _follow_verdict(step, actions.propose(prepared=prepared, rationale=run.ending_detail))
        claims.close(claim, AttemptOutcome.PROPOSED)
        runs.advance(run_id=claim.run_id)


def _carry_out_as_agreed(claim: Claim, effect: Effect) -> None:
    """Undo it under the warrant that people or policy gave, or ask anew when that has ended."""
    used = undo_agreements.in_use(claim.step)
    if used is None:
        _begin_as_agreed(claim, effect)
    elif warrants.spent(warrant_id=used.warrant_id):
        _ask(claim, effect)
    else:
        _take_over(claim, used)
        _compensate(claim, effect)


def _begin_as_agreed(claim: Claim, effect: Effect) -> None:
    outcome = _use_warrant(claim)
    if isinstance(outcome, Claimed):
        _compensate(claim, effect)
    elif isinstance(outcome, warrants.Refused):
        if outcome.code in _LAPSED:
            _ask(claim, effect)
        else:
            _refused(claim, outcome.code, outcome.detail)


def _take_over(claim: Claim, used: Effect) -> None:
    with recording():
        runs.lock(claim.run_id)
        claims.held(claim)
        effects.take_over(effect_id=used.pk, fence=claim.epoch)


def _use_warrant(claim: Claim) -> warrants.Outcome:
    warrant = Warrant.objects.get(action=claim.step.action_id)
    inspection = warrants.inspect(warrant_id=warrant.pk)
    with recording():
        runs.lock(claim.run_id)
        held = claims.held(claim)
        outcome = warrants.claim(
            warrant_id=warrant.pk, inspection=inspection, worker=claim.worker, fence=claim.epoch
        )
        if isinstance(outcome, Drifted):
            _follow_verdict(held, outcome.proposed)
            claims.close(claim, AttemptOutcome.PROPOSED, code="drifted")
            runs.advance(run_id=claim.run_id)
    return outcome


def _follow_verdict(step: Step, proposed: Proposed) -> None:
    """Send the held undo on: to people, to be done, or to whoever decides what stays."""
    if proposed.gate is not None:
        steps.suspend(step, proposed.action, {})
    elif proposed.verdict.outcome == Outcome.ALLOW:
        steps.release_to_execution(step, proposed.action, {})
    else:
        steps.escalate(step, "policy_denied", proposals.denial(proposed))


def _compensate(claim: Claim, effect: Effect) -> None:
    try:
        response = adapter_for(effect.action.tool_id).compensate(
            effect.action.envelope["arguments"],
            effect.response,
            effect_key=effect.effect_key,
            fence=claim.epoch,
        )
    except (EffectRefusedError, EffectUnknownError, FactUnavailableError) as no:
        _failed(claim, str(no))
    except Exception as error:
        # An adapter is a plugin: whatever it raises ends this attempt and nothing else.
        logger.exception("the effect %s could not be undone", effect.pk)
        _failed(claim, f"{type(error).__name__}: {error}")
    else:
        _done(claim, effect, response)


def _done(claim: Claim, effect: Effect, response: Mapping[str, Any]) -> None:
    with recording():
        runs.lock(claim.run_id)
        step = claims.held(claim)
        if used := undo_agreements.in_use(step):
            effects.succeed(effect_id=used.pk, fence=claim.epoch, response={})
        effects.mark_compensated(effect_id=effect.pk, response=response)
        steps.succeed(step, response, Actor.agent(step.agent_id))
        claims.close(claim, AttemptOutcome.SUCCEEDED)
        runs.advance(run_id=claim.run_id)


def _failed(claim: Claim, why: str) -> None:
    with recording():
        runs.lock(claim.run_id)
        step = claims.held(claim)
        _rest_or_leave_to_people(step, why)
        claims.close(claim, AttemptOutcome.FAILED, code=CODE, detail=why)
        runs.advance(run_id=claim.run_id)


def _refused(claim: Claim, code: str, why: str) -> None:
    if code in _PASSING:
        _failed(claim, why)
    else:
        _leave_to_people(claim, code, why)


def _leave_to_people(claim: Claim, code: str, why: str) -> None:
    with recording():
        runs.lock(claim.run_id)
        steps.escalate(claims.held(claim), code, why)
        claims.close(claim, AttemptOutcome.FAILED, code=code, detail=why)
        runs.advance(run_id=claim.run_id)


def _rest_or_leave_to_people(step: Step, why: str) -> None:
    if failures.is_last(step):
        steps.escalate(step, CODE, why)
    else:
        steps.retry_later(step, delay_after(str(step.pk), step.attempts + 1), CODE, why)
