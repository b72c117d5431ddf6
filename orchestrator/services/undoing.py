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
from governance.models import Effect, EffectState
from governance.services import effects
from orchestrator.models import AttemptKind, AttemptOutcome, Step
from orchestrator.patterns.retry import delay_after
from orchestrator.runners.base import TurnLostError
from orchestrator.services import claims, failures, runs, steps
from orchestrator.services.beating import beating
from orchestrator.services.claims import Claim

CODE = "compensation_failed"

logger = logging.getLogger(__name__)


def undo(*, step_id: UUID, worker: str) -> bool:
    """Undo what the compensation step is for, and say whether it was ours to do.

    The undo was registered with its effect before that was attempted, and whoever approved the
    one was shown the other, so nobody is asked again.
    """
    claim = claims.claim(step_id=step_id, kind=AttemptKind.COMPENSATION, worker=worker)
    if claim is None:
        return False
    try:
        with beating(claim):
            _undo(claim)
    except TurnLostError as lost:
        logger.info("%s", lost)
        claims.mark_stale(claim)
    return True


def _undo(claim: Claim) -> None:
    effect = Effect.objects.select_related("action").get(undoing=claim.step_id)
    claims.name_runner(claim, f"tool {effect.action.tool_id}")
    if effect.state == EffectState.UNKNOWN and not effect.compensation.get("safe_if_absent"):
        _leave_to_people(claim)
        return
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


def _leave_to_people(claim: Claim) -> None:
    code = "ambiguous_effect"
    why = _("Nobody knows whether it happened, and its undo is not safe if it did not.")
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
