"""The states of runs (engine.md 8.1): how one starts, goes on and ends.

The orchestrator is no process. It is `advance`, a transaction that anybody may run at any time:
it reads what happened, asks the patterns for the next move and makes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit import statements
from audit.canonical import digest
from audit.services.events import recording
from audit.types import Actor
from governance.budgeting.answers import Exhausted, Held
from governance.models import EFFECT_OPEN, Contract, Effect, Person
from governance.refusals import Forbidden, Refusal
from governance.services import budgets, holdings
from orchestrator.history.deciding import next_move, success_reads, unmet_success
from orchestrator.history.places import key_of
from orchestrator.models import (
    RUN_ENDING,
    RUN_FINAL,
    Run,
    RunState,
    Step,
    StepKind,
    StepState,
    Workflow,
)
from orchestrator.patterns.base import Finish, PastStep, Start
from orchestrator.patterns.changes import TreeMove
from orchestrator.patterns.states import is_under_way, reason_to_wait
from orchestrator.services import (
    bells,
    moves,
    origins,
    presence,
    remembered,
    rollback,
    shortage,
    spending,
    steps,
)
from orchestrator.services.briefs import NOTHING, Brief
from orchestrator.services.claims import Claim
from orchestrator.services.context import outputs_of
from orchestrator.services.definitions import definition_of
from orchestrator.services.history import ENGINE, tell_run
from orchestrator.services.intake import Intake, prepare
from orchestrator.services.origins import Origin
from orchestrator.services.run_states import move as _move
from orchestrator.services.selection import Filled, pinned, tell
from orchestrator.services.shared_state import values_of
from orchestrator.workflow.definition import Definition

AT_WORK = frozenset({StepState.READY, StepState.RUNNING})
_GOES_ON = (RunState.RUNNING, RunState.WAITING)
# Nothing is held above a run while it waits for these.
_FOR_PEOPLE = frozenset(
    {StepState.AWAITING_APPROVAL, StepState.AWAITING_INPUT, StepState.AWAITING_AUTH}
)


def start(
    *,
    workflow: Workflow,
    initiator: Person,
    inputs: Mapping[str, Any],
    dedupe_key: str,
    brief: Brief = NOTHING,
    actor: Actor | None = None,
    contract: Contract | None = None,
    origin: Origin | None = None,
) -> Run:
    """Start a run, or return the one that the same `dedupe_key` started with the same inputs.

    `brief` is what its agents are told beside the inputs, `contract` the one under which another
    domain asks for it, `origin` what a fork takes over. The run begins once every budget above it
    holds what it may use, and is pending until then. Raises Invalid with everything wrong by JSON
    pointer, or naming the agents that cannot work, and Refusal with `budget_exhausted` where no
    waiting would help.
    """
    if not initiator.is_active:
        raise Forbidden("inactive_person", _("A deactivated account cannot start runs."))
    intake = prepare(workflow=workflow, inputs=inputs, brief=brief)
    try:
        with recording():
            known = Run.objects.filter(dedupe_key=dedupe_key).first()
            run = known or _create(
                workflow, initiator, intake, dedupe_key, contract=contract, origin=origin
            )
            if not known:
                _ask_for_budget(run, intake, actor or Actor.person(initiator.pk))
    except IntegrityError:
        run = Run.objects.get(dedupe_key=dedupe_key)
    if (run.workflow_id, run.input_digest) != (workflow.pk, intake.input_digest):
        detail = _("This key already started another run; use a new key for a new run.")
        raise Refusal("dedupe_key_taken", detail)
    run.refresh_from_db()
    return run


def lock(run_id: UUID) -> Run:
    """Return the run, held until the transaction ends: the first lock of every use case."""
    run = statements.taken(Run, {"pk": run_id}, {"version": F("version") + 1})
    if run is None:
        raise Run.DoesNotExist(str(run_id))
    remembered.held(run)
    return run


def admit(*, run_id: UUID) -> bool:
    """Let a run go on that waited for budget, if it is its turn now, and say whether it does."""
    with recording():
        run = lock(run_id)
        if run.state == RunState.PENDING:
            if not isinstance(holdings.admit(run_id=run_id), Held):
                return False
            _begin(run, Actor.person(run.initiator_id))
        elif run.state in _GOES_ON and run.is_budget_lent:
            advance(run_id=run_id)
            if Run.objects.filter(pk=run_id, is_budget_lent=True).exists():
                return False
            bells.ring_all(list(run.steps.filter(state=StepState.READY)))
        else:
            holdings.leave_queue(run_id=run_id)
            return False
    return True


def advance(*, run_id: UUID, worker: str = "") -> Claim | None:
    """Make the run's next move, if there is one. Calling it again changes nothing.

    A worker that has just finished a step names itself and may get the claim on the next step in
    the same transaction; otherwise somebody is rung for it.
    """
    with recording():
        return go_on(lock(run_id), worker)


def go_on(run: Run, worker: str = "") -> Claim | None:
    """Make the next move of a run that the caller's transaction has locked."""
    if run.state in RUN_ENDING:
        rollback.proceed(run)
    if run.state not in _GOES_ON:
        return None
    definition = definition_of(run.workflow_id)
    state = values_of(run, definition)
    waits = run.state != RunState.RUNNING or run.is_budget_lent
    if not waits and (lull := remembered.lull_of(run, definition, state)):
        remembered.decided(run, lull)
        return None
    past = remembered.past_of(run) or moves.past_of(run)
    if shortage.wake(run, past):
        return go_on(run, worker)
    charges = spending.charges_of(run) if definition.limits_blocks else {}
    absent = presence.absent_of(run, definition)
    move = next_move(
        definition,
        past,
        run.inputs,
        state,
        charges=charges,
        owners=run.owners,
        absent=absent,
    )
    leaves = _leaves(move, past)
    if any(step.state in AT_WORK for step in leaves):
        _go_to_work(run)
    taken = moves.make(run, definition, move, worker)
    _settle(run, definition, move, leaves)
    remembered.decided(run)
    return taken


def time_out(*, run_id: UUID) -> bool:
    """End a run whose deadline has passed, and say whether it did.

    It waits for a side effect that is under way, because nobody could say how that ended. A run
    that is ending already, or waits for a person to say how to undo, is left to that.
    """
    with recording():
        run = lock(run_id)
        late = Run.objects.filter(pk=run_id, deadline_at__lte=Now()).exists()
        if not late or run.ending or run.state in RUN_FINAL or _effect_is_open(run):
            return False
        detail = _("The run did not end before its deadline.")
        rollback.end(run, RunState.TIMED_OUT, "deadline", detail)
    return True


def _create(
    workflow: Workflow,
    initiator: Person,
    intake: Intake,
    dedupe_key: str,
    *,
    contract: Contract | None,
    origin: Origin | None,
) -> Run:
    run = Run.objects.create(
        domain_id=workflow.domain_id,
        workflow=workflow,
        initiator=initiator,
        inputs=dict(intake.inputs),
        input_digest=intake.input_digest,
        pinned_agents=pinned(intake.filled),
        owners=dict(intake.owners),
        **intake.brief,
        deadline_at=Now() + intake.definition.deadline,
        dedupe_key=dedupe_key,
        contract=contract,
        **(origin.fields() if origin else {}),
    )
    steps.lay_out(run=run, plan=intake.steps, origin=origin)
    return run


def _ask_for_budget(run: Run, intake: Intake, actor: Actor) -> None:
    answer = spending.ask_for_run(run, intake.definition)
    if isinstance(answer, Held):
        _begin(run, actor, intake.filled)
    elif isinstance(answer, Exhausted):
        budgets.refuse_short(answer)
    else:
        tell(run, intake.filled)
        tell_run(run, "run.waiting", ENGINE, reason=StepState.AWAITING_BUDGET.value)


def _begin(run: Run, actor: Actor, filled: Sequence[Filled] = ()) -> None:
    _admit(run, actor, filled)
    if run.forked_from_id:
        origins.tell(run, actor)
    advance(run_id=run.pk)


def _admit(run: Run, actor: Actor, filled: Sequence[Filled]) -> None:
    _move(run, RunState.RUNNING, started_at=Now())
    name, version = run.workflow.name, run.workflow.version
    brief = Brief(run.goal, run.constraints, run.success_criteria).as_json()
    tell_run(
        run,
        "run.started",
        actor,
        workflow=name,
        version=version,
        definition=digest(run.workflow.definition),
        inputs=dict(run.inputs),
        **({"brief": brief} if brief else {}),
        **({"owners": run.owners} if run.owners else {}),
    )
    tell(run, filled)


def _leaves(move: TreeMove, past: Sequence[PastStep]) -> list[PastStep]:
    """Return the steps that are under way after the move; blocks and timers do nothing."""
    asks = move.move.steps if isinstance(move.move, Start) else ()
    started = [PastStep(ask.path, ask.iteration, "ready", kind=ask.kind) for ask in asks]
    gone = set(move.cancel)
    kept = [step for step in past if (step.path, step.iteration) not in gone]
    passive = (StepKind.BLOCK, StepKind.TIMER)
    return [s for s in (*kept, *started) if is_under_way(s) and s.kind not in passive]


def _settle(run: Run, definition: Definition, move: TreeMove, leaves: list[PastStep]) -> None:
    if isinstance(move.move, Finish):
        if move.move.state == RunState.SUCCEEDED:
            _finish(run, definition)
        else:
            _stop(run, move.move)
    elif run.state == RunState.RUNNING and not any(step.state in AT_WORK for step in leaves):
        _wait(run, reason_to_wait(leaves) if leaves else StepKind.TIMER.value)


def _go_to_work(run: Run) -> None:
    """Let a run that waited go on, as soon as it holds again what it gave back."""
    if not spending.take_back(run):
        if run.state == RunState.RUNNING:
            _wait(run, StepState.AWAITING_BUDGET.value)
    elif run.state == RunState.WAITING:
        _move(run, RunState.RUNNING)
        tell_run(run, "run.resumed", ENGINE)


def _wait(run: Run, reason: str) -> None:
    _move(run, RunState.WAITING)
    tell_run(run, "run.waiting", ENGINE, reason=reason)
    if reason in _FOR_PEOPLE:
        spending.lend(run)


def _finish(run: Run, definition: Definition) -> None:
    """Succeed only if everything the file calls success holds, and no effect is in doubt."""
    steps_seen = outputs_of(run, success_reads(definition))
    unmet = unmet_success(definition, run.inputs, steps_seen, values_of(run, definition))
    if unmet or _effect_is_open(run):
        detail = _("All steps are done, but this does not hold: %(what)s")
        what = "; ".join(unmet) or _("every side effect is settled")
        code = "success_not_met" if unmet else "effect_unsettled"
        rollback.end(run, RunState.FAILED, code, detail % {"what": what})
        return
    _move(run, RunState.SUCCEEDED, finished_at=Now())
    tell_run(run, "run.succeeded", ENGINE)


def _stop(run: Run, finish: Finish) -> None:
    cause = _cause(run, finish)
    state = RunState(finish.state)
    code = finish.error_code or state.value
    detail = finish.detail or (cause.error_detail if cause else "")
    named = {"step": cause.place} if cause else {}
    if state == RunState.ESCALATED:
        _move(run, state, error_code=code, error_detail=detail)
        tell_run(run, "run.escalated", ENGINE, code=code, detail=detail, **named)
        spending.lend(run)
    else:
        rollback.end(run, state, code, detail, **named)


def _cause(run: Run, finish: Finish) -> Step | None:
    """Return the latest of the steps to blame; a limit that was reached is nobody's fault."""
    if not finish.cause:
        return None
    path, _iteration = key_of(finish.cause)
    cause = run.steps.filter(path=path).order_by("iteration").last()
    if cause is None:
        raise LookupError(f"the pattern names a step {path!r} that the run does not have")
    return cause


def _effect_is_open(run: Run) -> bool:
    return Effect.objects.filter(run_id=run.pk, state__in=EFFECT_OPEN).exists()
