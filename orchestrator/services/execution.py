"""An approved action is carried out: warrant claimed, effect in flight, done once, taken over.

The worker may die at any point. Before the warrant is claimed nothing happened; afterwards the
effect stands in flight, and whoever claims the step next reads in the recovery table
(engine.md 5.3) whether to repeat it, to ask the target, or to ask a person.
"""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from audit import statements
from audit.services.events import recording
from audit.types import Actor
from governance.adapters import (
    EffectRefusedError,
    EffectUnknownError,
    adapter_for,
    refuses_late_calls,
)
from governance.models import Action, Effect, EffectState, Warrant
from governance.selectors import binding
from governance.services import effects, warrants
from governance.services.warrants import Claimed, Drifted, Outcome, Refused
from orchestrator.models import RUN_ENDING, AttemptKind, AttemptOutcome, Run, RunState, Step
from orchestrator.patterns.children import misfit
from orchestrator.runners import supply
from orchestrator.runners.base import AgentFailedError, TurnLostError
from orchestrator.services import (
    cancellation,
    claims,
    conversations,
    errands,
    failures,
    proposals,
    remembered,
    runs,
    steps,
    turns,
)
from orchestrator.services.beating import beating
from orchestrator.services.claims import Claim
from orchestrator.services.history import ENGINE, tell_step
from orchestrator.services.reconnecting import written

# What a moment later may be otherwise; the warrant still stands.
_PASSING = frozenset({"fact_unavailable", "warrant_not_usable"})
# A new effect waits while the run is paused, and never comes when it is ending.
_NOTHING_BEGINS = RUN_ENDING | {RunState.PAUSED}

Response = Mapping[str, Any]

logger = logging.getLogger(__name__)


def execute(*, step_id: UUID, worker: str, takes_turns: bool = False) -> bool:
    """Carry out the step's approved action, and say whether it was ours to do.

    A worker that `takes_turns` too goes on with the steps after it that become ready. When the
    claim was lost meanwhile nothing is taken over; the next holder finds the effect.
    """
    claim = claims.claim(step_id=step_id, kind=AttemptKind.EXECUTION, worker=worker)
    if claim is None:
        return False
    try:
        with beating(claim):
            following = _execute(claim, worker if takes_turns else "")
    except TurnLostError as lost:
        logger.info("%s", lost)
        claims.mark_stale(claim)
        cancellation.let_go(claim)
        return True
    turns.drive_on(following)
    return True


def _execute(claim: Claim, onward: str = "") -> Claim | None:
    """Carry it out; `onward` is the worker, if it goes on with the claim that is returned."""
    step = claim.step
    found = statements.found(Effect, {"action": _action(step)})
    if found:
        return _recover(claim, step, found[0], onward)
    outcome = _authorise(claim, step)
    if isinstance(outcome, Claimed):
        return _perform(claim, step, outcome.effect, onward)
    if isinstance(outcome, Refused):
        _refused(claim, step, outcome)
    return None


def _authorise(claim: Claim, step: Step) -> Outcome:
    """Use the warrant under fresh facts. After this transaction the effect stands in flight."""
    [warrant] = statements.found(Warrant, {"action": _action(step)})
    inspection = warrants.inspect(warrant_id=warrant.pk)
    with recording():
        run = runs.lock(claim.run_id)
        held = claims.held_within(claim, run, not_while=_NOTHING_BEGINS)
        if why := errands.why_unbound(run):
            return Refused(binding.CODE, why)
        outcome = warrants.claim(
            warrant_id=warrant.pk,
            inspection=inspection,
            worker=claim.worker,
            fence=claim.epoch,
        )
        if isinstance(outcome, Drifted):
            tell_step(held, "step.drifted", ENGINE, changed=", ".join(outcome.changed))
            proposals.place(held, outcome.proposed, held.held_output)
            claims.close(claim, AttemptOutcome.PROPOSED, code="drifted")
            runs.advance(run_id=claim.run_id)
    return outcome


def _perform(claim: Claim, step: Step, effect: Effect, onward: str) -> Claim | None:
    action = _action(step)
    envelope = action.envelope
    try:
        response = adapter_for(action.tool_id).perform(
            envelope["arguments"],
            envelope["pins"],
            effect_key=effect.effect_key,
            fence=effect.fence,
        )
    except EffectRefusedError as no:
        _ask_again(claim, step, effect, str(no))
    except EffectUnknownError as doubt:
        _in_doubt(claim, effect, str(doubt))
    except Exception as error:
        # An adapter that broke has not said that nothing happened.
        logger.exception("tool %s failed in step %s", action.tool_id, step.pk)
        _in_doubt(claim, effect, f"{type(error).__name__}: {error}")
    else:
        return written(partial(_finish, claim, effect, response, onward))
    return None


def _recover(claim: Claim, step: Step, effect: Effect, onward: str) -> Claim | None:
    """Go on with an effect that an earlier worker left behind (engine.md 5.3)."""
    if effect.state == EffectState.IN_FLIGHT:
        return _recover_in_flight(claim, step, _taken_over(claim, effect), onward)
    if effect.state == EffectState.FAILED:
        _ask_again(claim, step, effect, effect.error)
    elif effect.state == EffectState.UNKNOWN:
        _leave_to_people(claim, effect, effect.error)
    else:
        return _finish(claim, effect, effect.response, onward)
    return None


def _recover_in_flight(claim: Claim, step: Step, effect: Effect, onward: str) -> Claim | None:
    recovery = effects.recovery_for(effect.effect_class)
    if recovery == "ask":
        _leave_to_people(claim, effect, _("Its worker was lost and the target cannot be asked."))
        return None
    over = warrants.spent(warrant_id=effect.warrant_id)
    if recovery == "resend":
        # Sending again is the only way to ask, and it may do what was not done yet.
        if not over:
            return _perform(claim, step, effect, onward)
        _leave_to_people(claim, effect, over)
        return None
    try:
        response = _probe(step, effect)
    except Exception as error:
        logger.exception("tool %s could not be asked in step %s", step.action_id, step.pk)
        _in_doubt(claim, effect, f"{type(error).__name__}: {error}")
        return None
    if response is not None:
        return _finish(claim, effect, response, onward)
    return _begin_again(claim, step, effect, over, onward)


def _begin_again(claim: Claim, step: Step, effect: Effect, over: str, onward: str) -> Claim | None:
    """Do what was not done so far, unless the run ends, or it might still be done by a late call.

    `over` says why the warrant begins nothing any more; then it is asked for once more.
    """
    if not refuses_late_calls(adapter_for(_action(step).tool_id)):
        late = _("It did not happen so far, but a call of the lost worker may still arrive.")
        _leave_to_people(claim, effect, late)
    elif _is_ending(claim):
        _drop(claim, effect)
    elif over:
        _ask_again(claim, step, effect, over)
    else:
        return _perform(claim, step, effect, onward)
    return None


def _taken_over(claim: Claim, effect: Effect) -> Effect:
    with recording():
        runs.lock(claim.run_id)
        claims.held(claim)
        return effects.take_over(effect_id=effect.pk, fence=claim.epoch)


def _probe(step: Step, effect: Effect) -> Response | None:
    action = _action(step)
    envelope = action.envelope
    return adapter_for(action.tool_id).probe(
        envelope["arguments"], envelope["pins"], effect_key=effect.effect_key
    )


def _finish(claim: Claim, effect: Effect, response: Response, onward: str) -> Claim | None:
    """Take the effect and the step over together; the step's output is both their words.

    An agent that left a conversation reads the response in another turn instead. Returns the
    claim on the run's next step, if the worker `onward` goes on with it.
    """
    with recording():
        run = runs.lock(claim.run_id)
        step = claims.held_within(claim, run)
        if effect.state == EffectState.IN_FLIGHT:
            effects.succeed(effect_id=effect.pk, fence=effect.fence, response=response)
        done = True
        if conversations.is_read_by_agent(step, _action(step)):
            conversations.turn_again(step, response)
        else:
            done = steps.succeed(step, _output(step, response), Actor.agent(step.agent_id))
        claims.close(claim, AttemptOutcome.SUCCEEDED if done else AttemptOutcome.FAILED)
        following = runs.go_on(run, onward)
        remembered.seal(run)
        return following


def _output(step: Step, response: Response) -> Response:
    """Return what the agent and the tool said.

    A pattern whose question leaves no room for the tool's words gets the agent's answer alone.
    """
    if _action(step).tool_id == supply.SLUG:
        return response
    both = {**step.held_output, **response}
    return step.held_output if misfit(both, step.task.get("answer", {})) else both


def _refused(claim: Claim, step: Step, refused: Refused) -> None:
    if refused.code == "warrant_expired":
        _ask_again(claim, step, None, refused.detail)
    else:
        retryable = refused.code in _PASSING
        _fail(claim, AgentFailedError(refused.code, refused.detail, retryable=retryable))


def _ask_again(claim: Claim, step: Step, effect: Effect | None, why: str) -> None:
    """Propose the action anew under fresh facts, because certainly nothing happened."""
    if _is_ending(claim):
        _drop(claim, effect, why)
        return
    try:
        again = proposals.prepare_again(step)
    except AgentFailedError as error:
        _fail(claim, error, effect, why)
        return
    with recording():
        runs.lock(claim.run_id)
        held = claims.held(claim)
        _give_up(effect, why)
        proposals.submit_again(held, again)
        claims.close(claim, AttemptOutcome.PROPOSED, code="asked_again", detail=why)
        runs.advance(run_id=claim.run_id)


def _is_ending(claim: Claim) -> bool:
    return Run.objects.filter(pk=claim.run_id, state__in=RUN_ENDING).exists()


def _drop(claim: Claim, effect: Effect | None, why: str = "") -> None:
    """Leave it undone, because the run is ending and certainly nothing happened."""
    why = why or _("The run ended before it was done.")
    with recording():
        runs.lock(claim.run_id)
        step = claims.held(claim)
        _give_up(effect, why)
        claims.close(claim, AttemptOutcome.FAILED, code="run_ending", detail=why)
        steps.cancel(step)
        runs.advance(run_id=claim.run_id)


def _fail(
    claim: Claim, error: AgentFailedError, effect: Effect | None = None, why: str = ""
) -> None:
    with recording():
        runs.lock(claim.run_id)
        step = claims.held(claim)
        _give_up(effect, why)
        failures.settle(step, error)
        claims.close(claim, AttemptOutcome.FAILED, code=error.code, detail=error.detail)
        runs.advance(run_id=claim.run_id)


def _give_up(effect: Effect | None, why: str) -> None:
    if effect is not None and effect.state == EffectState.IN_FLIGHT:
        effects.fail(effect_id=effect.pk, fence=effect.fence, error=why)


def _in_doubt(claim: Claim, effect: Effect, why: str) -> None:
    """Rest and ask the target later, or ask a person when nobody else can tell."""
    error = AgentFailedError("effect_in_doubt", why, retryable=True)
    with recording():
        runs.lock(claim.run_id)
        step = claims.held(claim)
        asks_people = effects.recovery_for(effect.effect_class) == "ask"
        if asks_people or failures.is_last(step):
            effects.mark_unknown(effect_id=effect.pk, fence=effect.fence, error=why)
            steps.escalate(step, "ambiguous_effect", why)
        else:
            failures.settle(step, error)
        claims.close(claim, AttemptOutcome.FAILED, code=error.code, detail=why)
        runs.advance(run_id=claim.run_id)


def _leave_to_people(claim: Claim, effect: Effect, why: str) -> None:
    with recording():
        runs.lock(claim.run_id)
        step = claims.held(claim)
        if effect.state == EffectState.IN_FLIGHT:
            effects.mark_unknown(effect_id=effect.pk, fence=effect.fence, error=why)
        steps.escalate(step, "ambiguous_effect", why)
        claims.close(claim, AttemptOutcome.FAILED, code="ambiguous_effect", detail=why)
        runs.advance(run_id=claim.run_id)


def _action(step: Step) -> Action:
    if step.action is None:
        raise TypeError("only a step with an action is claimed for execution")
    return step.action
