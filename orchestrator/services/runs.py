"""The states of runs (engine.md 8.1): how one starts, goes on and ends.

The orchestrator is no process. It is `advance`, a transaction that anybody may run at any time:
it reads what happened, asks the pattern for the next move and makes it.
"""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit.services.events import recording
from audit.types import Actor
from governance.models import Effect, EffectState, Person
from governance.refusals import Forbidden, Refusal
from orchestrator.models import (
    RUN_ENDING,
    RUN_FINAL,
    AttemptKind,
    Run,
    RunState,
    Step,
    StepState,
    Workflow,
)
from orchestrator.patterns.base import Finish, History, Move, PastStep, Start, Wait
from orchestrator.patterns.registry import pattern_named
from orchestrator.services import claims, rollback, steps
from orchestrator.services.claims import Claim
from orchestrator.services.definitions import definition_of
from orchestrator.services.history import ENGINE, tell_run
from orchestrator.services.intake import Intake, prepare
from orchestrator.services.run_states import move as _move
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.expressions import holds, steps_named
from orchestrator.workflow.planning import plan_of

AT_WORK = frozenset({StepState.READY, StepState.RUNNING})
_GOES_ON = (RunState.RUNNING, RunState.WAITING)


def start(
    *,
    workflow: Workflow,
    initiator: Person,
    inputs: Mapping[str, Any],
    dedupe_key: str,
    actor: Actor | None = None,
) -> Run:
    """Start a run, or return the one that the same `dedupe_key` started with the same inputs.

    Raises Invalid with every wrong input by JSON pointer, or naming the agents that cannot work.
    """
    if not initiator.is_active:
        raise Forbidden("inactive_person", _("A deactivated account cannot start runs."))
    intake = prepare(workflow=workflow, inputs=inputs)
    try:
        with recording():
            known = Run.objects.filter(dedupe_key=dedupe_key).first()
            run = known or _create(workflow, initiator, intake, dedupe_key)
            if not known:
                _admit(run, actor or Actor.person(initiator.pk))
                advance(run_id=run.pk)
    except IntegrityError:
        run = Run.objects.get(dedupe_key=dedupe_key)
    if (run.workflow_id, run.input_digest) != (workflow.pk, intake.input_digest):
        detail = _("This key already started another run; use a new key for a new run.")
        raise Refusal("dedupe_key_taken", detail)
    run.refresh_from_db()
    return run


def lock(run_id: UUID) -> Run:
    """Return the run, locked where the database locks rows: the first lock of every use case."""
    return Run.objects.select_for_update().get(pk=run_id)


def advance(*, run_id: UUID, worker: str = "") -> Claim | None:
    """Make the run's next move, if there is one. Calling it again changes nothing.

    A worker that has just finished a step names itself and may get the claim on the next step in
    the same transaction; otherwise somebody is rung for it.
    """
    with recording():
        run = lock(run_id)
        if run.state in RUN_ENDING:
            rollback.proceed(run)
        if run.state not in _GOES_ON:
            return None
        definition = definition_of(run.workflow_id)
        move = pattern_named(definition.pattern).decide(_history(run, definition))
        if isinstance(move, Start):
            return _start(run, move, worker)
        _settle(run, definition, move)
        return None


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


def outputs_of(run_id: UUID, names: Collection[str]) -> dict[str, Any]:
    """Return `steps` as expressions see it: the outputs of those named that succeeded."""
    done = Step.objects.filter(run_id=run_id, path__in=names, state=StepState.SUCCEEDED)
    rows = done.order_by("iteration").values_list("path", "output")
    return {path: {"outputs": output} for path, output in rows}


def _history(run: Run, definition: Definition) -> History:
    columns = ("path", "iteration", "state", "output", "error_code")
    rows = run.steps.order_by("position", "iteration").values(*columns)
    return History(plan_of(definition), [PastStep(**row) for row in rows])


def _create(workflow: Workflow, initiator: Person, intake: Intake, dedupe_key: str) -> Run:
    run = Run.objects.create(
        domain_id=workflow.domain_id,
        workflow=workflow,
        initiator=initiator,
        inputs=dict(intake.inputs),
        input_digest=intake.input_digest,
        deadline_at=Now() + intake.definition.deadline,
        dedupe_key=dedupe_key,
    )
    steps.lay_out(run=run, plan=intake.steps)
    return run


def _admit(run: Run, actor: Actor) -> None:
    _move(run, RunState.RUNNING, started_at=Now())
    name, version = run.workflow.name, run.workflow.version
    tell_run(run, "run.started", actor, workflow=name, version=version, inputs=dict(run.inputs))


def _start(run: Run, move: Start, worker: str) -> Claim | None:
    if run.state == RunState.WAITING:
        _resume(run)
    taken: Claim | None = None
    for ask in move.steps:
        step = run.steps.select_related("run").get(path=ask.path, iteration=ask.iteration)
        steps.make_ready(step)
        if worker and taken is None:
            taken = claims.claim(step_id=step.pk, kind=AttemptKind.TURN, worker=worker)
        else:
            steps.ring(step)
    return taken


def _settle(run: Run, definition: Definition, move: Move) -> None:
    if isinstance(move, Finish):
        if move.state == RunState.SUCCEEDED:
            _finish(run, definition)
        else:
            _stop(run, move)
    elif isinstance(move, Wait) and move.reason in AT_WORK:
        if run.state == RunState.WAITING:
            _resume(run)
    elif isinstance(move, Wait) and run.state == RunState.RUNNING:
        _move(run, RunState.WAITING)
        tell_run(run, "run.waiting", ENGINE, reason=move.reason)


def _resume(run: Run) -> None:
    _move(run, RunState.RUNNING)
    tell_run(run, "run.resumed", ENGINE)


def _finish(run: Run, definition: Definition) -> None:
    """Succeed only if everything the file calls success holds, and no effect is in doubt."""
    names = {name for text in definition.success for name in steps_named(text)}
    seen = {"inputs": run.inputs, "steps": outputs_of(run.pk, names)}
    broken = [text for text in definition.success if not holds(text, seen)]
    if broken or _effect_is_open(run):
        detail = _("All steps are done, but this does not hold: %(what)s")
        what = "; ".join(broken) or _("every side effect is settled")
        rollback.end(run, RunState.FAILED, "success_not_met", detail % {"what": what})
        return
    _move(run, RunState.SUCCEEDED, finished_at=Now())
    tell_run(run, "run.succeeded", ENGINE)


def _stop(run: Run, move: Finish) -> None:
    cause = run.steps.filter(path=move.cause).order_by("iteration").last()
    if cause is None:
        raise LookupError(f"the pattern names a step {move.cause!r} that the run does not have")
    state = RunState(move.state)
    code = move.error_code or state.value
    if state == RunState.ESCALATED:
        _move(run, state, error_code=code, error_detail=cause.error_detail)
        tell_run(run, "run.escalated", ENGINE, step=cause.path, code=code)
    else:
        rollback.end(run, state, code, cause.error_detail, step=cause.path)


def _effect_is_open(run: Run) -> bool:
    open_states = (EffectState.IN_FLIGHT, EffectState.UNKNOWN)
    return Effect.objects.filter(run_id=run.pk, state__in=open_states).exists()
