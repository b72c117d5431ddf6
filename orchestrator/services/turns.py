"""A turn of an agent: the runner works outside of any transaction, one transaction takes it over.

A worker drives its run. After finishing a step it goes on with the next one, whose claim it got
in the transaction that finished the last; every step still has an epoch and an attempt.
"""

import logging
from dataclasses import asdict, dataclass, replace
from functools import partial
from time import monotonic
from uuid import UUID

from django.utils.translation import gettext as _

from audit.services.events import recording
from audit.types import Actor
from governance.adapters import ExhibitDraft
from governance.models import Lifecycle
from governance.refusals import Refusal
from governance.services import exhibits
from governance.services.actions import Prepared
from orchestrator.models import RUN_ENDING, AttemptKind, AttemptOutcome, Run, Step, StepKind
from orchestrator.runners import approval, checkpoint
from orchestrator.runners.base import (
    AgentFailedError,
    AgentRequest,
    AgentResult,
    Proposal,
    TurnLostError,
)
from orchestrator.runners.registry import runner_for
from orchestrator.services import (
    answers,
    blackboard,
    budgeting,
    callbacks,
    cancellation,
    claims,
    conversations,
    errands,
    failures,
    guards,
    handing_over,
    proposals,
    remembered,
    requests,
    runs,
    spending,
    steps,
)
from orchestrator.services.beating import beat, beating
from orchestrator.services.claims import Claim, Ended
from orchestrator.services.definitions import definition_of
from orchestrator.services.handing_over import Answered, HandedOverError
from orchestrator.services.history import ENGINE, tell_step
from orchestrator.services.reconnecting import written
from orchestrator.services.spending import Charged, NoBudgetError, Usage
from orchestrator.services.step_rows import agent_of, is_abroad
from orchestrator.workflow.checkpoints import EVENTS, FAILED, Judged, judge
from orchestrator.workflow.definition import Definition

LONG_SECONDS = 1.0

logger = logging.getLogger(__name__)

NoTurn = AgentFailedError | HandedOverError

# What an agent can do better about its next call; everything else is for people.
_TOLD = frozenset(
    {"invalid_arguments", "undeclared_action", "no_compensation", "fact_unavailable"}
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn came to before it is written; `prepared` is the action it proposes.

    `refused` is why there is none, where the agent goes on and is told.
    """

    result: AgentResult
    judged: Judged
    prepared: Prepared | None = None
    rationale: str = ""
    posts: blackboard.Posts = ()
    refused: AgentFailedError | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is an output and nothing else, so that many can be taken over at once."""
        asks = self.prepared or self.judged.route or self.goes_on or self.posts
        return not (asks or self.result.exhibits or isinstance(self.result, Answered))

    @property
    def goes_on(self) -> bool:
        """Whether the agent has not said its last word: it answers later, or calls a tool."""
        return is_open(self.result)


def is_open(result: AgentResult) -> bool:
    """Whether what the agent has said so far is not its answer yet."""
    return result.conversation is not None or result.awaits is not None


def drive(*, step_id: UUID, worker: str) -> int:
    """Take the step's turn and those after it that become ready; return how many were taken."""
    return drive_on(claimed(step_id=step_id, worker=worker))


def claimed(*, step_id: UUID, worker: str) -> Claim | None:
    """Take the step for a turn, or return None; one that finds no budget is set aside."""
    try:
        return claims.claim(step_id=step_id, kind=AttemptKind.TURN, worker=worker)
    except NoBudgetError:
        budgeting.set_aside(step_id=step_id)
        return None


def drive_on(claim: Claim | None) -> int:
    """Take the turn that is claimed and those after it; return how many were taken."""
    taken = 0
    while claim is not None:
        taken += 1
        claim = take(claim)
    return taken


def take(claim: Claim) -> Claim | None:
    """Let the agent work and take its result over; return the claim on the run's next step.

    When the claim was lost meanwhile nothing is taken over, and the attempt says so.
    """
    turn = attempt(claim)
    return None if turn is None else settle(claim, turn)


def attempt(claim: Claim) -> Turn | NoTurn | None:
    """Let the agent work and return what it came to; None when the claim was lost meanwhile."""
    try:
        return _worked(claim)
    except (AgentFailedError, HandedOverError) as other:
        return other
    except TurnLostError as lost:
        _let_go(claim, lost)
        return None


def settle(claim: Claim, turn: Turn | NoTurn) -> Claim | None:
    """Take a turn over, or write down that it failed or is with another domain.

    Returns the claim on the next step.
    """
    usage = _usage_of(turn)
    try:
        if isinstance(turn, AgentFailedError):
            return written(partial(fail, claim, turn))
        try:
            if isinstance(turn, HandedOverError):
                return written(partial(handing_over.settle, claim, turn))
            return written(partial(commit, claim, turn))
        except AgentFailedError as error:
            error.usage = error.usage or usage
            return written(partial(fail, claim, error))
        except Refusal as no:
            refused = AgentFailedError(no.code, no.detail, retryable=False, usage=usage)
            return written(partial(fail, claim, refused))
    except TurnLostError as lost:
        _let_go(claim, lost)
        budgeting.settle_late(claim, usage)
        return None


def _usage_of(turn: Turn | NoTurn) -> Usage:
    if isinstance(turn, HandedOverError):
        return {}
    return turn.usage if isinstance(turn, AgentFailedError) else turn.result.usage


def _let_go(claim: Claim, lost: TurnLostError) -> None:
    logger.info("%s", lost)
    claims.mark_stale(claim)
    cancellation.let_go(claim)


def commit(claim: Claim, turn: Turn) -> Claim | None:
    """Take over what the agent did: exhibits, checkpoint, output or proposal, the run's next move.

    Raises TurnLostError, and then nothing was written. A run that is ending takes nothing more.
    """
    with claims.writing(claim), recording():
        run = runs.lock(claim.run_id)
        claims.close_all([take_over(claim, run, turn)])
        taken = runs.go_on(run, claim.worker)
        remembered.seal(run)
        return taken


def charge_of(claim: Claim, turn: Turn) -> Charged:
    """Return what a turn is charged."""
    usage, seconds = turn.result.usage, claim.elapsed()
    return spending.charge_of(claim.step, claim.budget, usage, seconds, is_done=not turn.goes_on)


def take_over(claim: Claim, run: Run, turn: Turn, charged: Charged | None = None) -> Ended:
    """Write what a turn came to, in a run that the caller has locked and moves on afterwards.

    Returns how its try ended, for the caller to close, who may have settled its charge already.
    """
    step = claims.as_taken(claim, run, not_while=RUN_ENDING)
    errands.require(step.run)
    if isinstance(turn.result, Answered) and turn.result.answer:
        handing_over.accept(step, turn.result.answer)
    if turn.judged.route != "retry":
        _attach(step, turn.result)
        blackboard.post(step, turn.posts, usage=turn.result.usage)
    outcome, usage = _settled(step, turn), turn.result.usage
    why = turn.judged.message if outcome is AttemptOutcome.FAILED else ""
    code = FAILED if why else ""
    if charged is None:
        charged = _charged(claim, step, usage, is_done=not turn.goes_on)
    else:
        spending.tell(step, charged)
    return Ended(claim, outcome, code, why, usage, charged)


def fail(claim: Claim, error: AgentFailedError) -> Claim | None:
    """Write down that the attempt failed, what it cost, and what becomes of step and run."""
    with recording():
        runs.lock(claim.run_id)
        step = claims.held(claim)
        conversations.forget_answer(step)
        failures.settle(step, error)
        claims.close(
            claim,
            AttemptOutcome.FAILED,
            code=error.code,
            detail=error.detail,
            usage=error.usage,
            charged=_charged(claim, step, error.usage, is_done=False),
        )
        return runs.advance(run_id=claim.run_id, worker=claim.worker)


def _charged(claim: Claim, step: Step, usage: Usage, *, is_done: bool) -> Charged:
    return spending.settle(
        step, claim.epoch, claim.budget, usage, seconds=claim.elapsed(), is_done=is_done
    )


def _settled(step: Step, turn: Turn) -> AttemptOutcome:
    if turn.judged.route:
        name = EVENTS[turn.judged.route]
        tell_step(step, name, ENGINE, decider="rule", message=turn.judged.message)
    elif not turn.goes_on and definition_of(step.run.workflow_id).step(step.path).checkpoint:
        tell_step(step, "checkpoint.held", ENGINE, decider="rule")
    if turn.judged.route and turn.prepared is None:
        conversations.forget_answer(step)
        _routed(step, turn.judged)
        return AttemptOutcome.FAILED
    if turn.result.awaits is not None:
        most = turn.result.awaits
        steps.await_input(step, "step.awaiting_input", most, seconds=round(most.total_seconds()))
        return AttemptOutcome.AWAITING
    if turn.refused is not None:
        conversations.keep(step, turn.result.conversation)
        conversations.refuse(step, turn.refused.code, turn.refused.detail)
        return AttemptOutcome.REFUSED
    if turn.prepared is None:
        done = steps.succeed(step, turn.result.output, Actor.agent(step.agent_id))
        return AttemptOutcome.SUCCEEDED if done else AttemptOutcome.FAILED
    conversations.keep(step, turn.result.conversation)
    proposals.submit(step, turn.prepared, rationale=turn.rationale, held_output=turn.result.output)
    return AttemptOutcome.PROPOSED


def _routed(step: Step, judged: Judged) -> None:
    """Send a step whose checkpoint does not hold where the file says, without asking policy."""
    if judged.route == "stop":
        failures.settle(step, AgentFailedError(FAILED, judged.message, retryable=False))
    elif judged.route == "human":
        steps.escalate(step, FAILED, judged.message)
    else:
        failures.settle(step, AgentFailedError(FAILED, judged.message, retryable=True))


def _attach(step: Step, result: AgentResult) -> None:
    if not result.exhibits:
        return
    exhibits.attach_turn(
        domain=step.run.domain,
        run_id=step.run_id,
        step_path=step.place,
        agent=agent_of(step),
        drafts=[
            ExhibitDraft(found.name, found.kind, found.content, "agent", found.subject)
            for found in result.exhibits
        ],
    )


def _worked(claim: Claim) -> Turn:
    step = claim.step
    agent = agent_of(step)
    if agent.lifecycle != Lifecycle.ACTIVE:
        detail = _("Agent %(name)s is out of service.") % {"name": agent.name}
        raise AgentFailedError("agent_not_active", detail, retryable=False)
    definition = definition_of(step.run.workflow_id)
    plan = definition.step(step.path)
    if step.kind == StepKind.APPROVAL:
        result = AgentResult(proposals=[approval.proposal(step.place, step.task)])
    else:
        request = requests.request_of(step, definition, plan)
        if claim.budget.amounts:
            request = replace(request, room=spending.room_of(step, claim.budget))
        result = _run(claim, step, request)
    try:
        guards.refuse_of_the_house(step, result.proposals)
        return _turn_of(claim, step, definition, result)
    except AgentFailedError as error:
        error.usage = error.usage or result.usage
        raise


def _turn_of(claim: Claim, step: Step, definition: Definition, result: AgentResult) -> Turn:
    result, posts = blackboard.taken_out(step, definition, result)
    judged = Judged("", "") if is_open(result) else _judged(step, definition, result)
    proposal = _proposal(step, result, judged)
    if proposal is None:
        return Turn(result, judged, posts=posts)
    try:
        with beating(claim):
            prepared = proposals.prepare(step, proposal)
    except AgentFailedError as no:
        if result.conversation is None or no.code not in _TOLD:
            raise
        return Turn(result, judged, posts=posts, refused=no)
    return Turn(result, judged, prepared, proposal.rationale, posts)


def _judged(step: Step, definition: Definition, result: AgentResult) -> Judged:
    answers.check(step, definition, result.output)
    checkpoints = definition.step(step.path).checkpoint
    return judge(
        checkpoints,
        outputs=result.output,
        inputs=step.run.inputs,
        exhibits=[asdict(found) for found in result.exhibits],
    )


def _run(claim: Claim, step: Step, request: AgentRequest) -> AgentResult:
    if is_abroad(step):
        return handing_over.ask(claim, step, request)
    runner, described = runner_for(agent_of(step).runner)
    if getattr(runner, "answers_later", False):
        request = replace(request, callback=callbacks.issued(claim))
    prolong, began = partial(beat, claim, agent_must_be_active=True), monotonic()
    try:
        result = runner.run(request, prolong)
    except (AgentFailedError, TurnLostError):
        raise
    except Exception as error:
        # A runner is a plugin: whatever it raises ends this attempt and nothing else.
        logger.exception("runner %s failed in step %s", described, step.pk)
        detail = _("The runner failed: %(error)s") % {"error": f"{type(error).__name__}: {error}"}
        raise AgentFailedError("runner_failed", detail, retryable=True) from error
    if monotonic() - began > LONG_SECONDS:
        # Whoever was away that long may have to connect anew before anything is written.
        prolong()
    return result


def _proposal(step: Step, result: AgentResult, judged: Judged) -> Proposal | None:
    """Return what the turn asks for; a postponed output asks to be let through."""
    if judged.route and judged.route != "postpone":
        return None
    if result.proposals and step.kind in requests.WORDS_ONLY:
        detail = _("The agent proposed an action where it was only asked for an answer.")
        raise AgentFailedError("no_action_here", detail, retryable=False)
    if len(result.proposals) + bool(judged.route) > 1:
        detail = _("The agent proposed more than one action in one turn; it may propose one.")
        raise AgentFailedError("too_many_proposals", detail, retryable=False)
    if result.conversation is not None and not result.proposals:
        detail = _("The agent wants to go on, but proposed nothing to wait for.")
        raise AgentFailedError("nothing_proposed", detail, retryable=False)
    if judged.route == "postpone":
        return checkpoint.proposal(step.place, judged.message)
    return result.proposals[0] if result.proposals else None
