"""The states of steps (engine.md 8.2). Every move of a step is one conditional UPDATE made here.

Each function joins the caller's `recording()`, whose first act was to lock the run. A step that a
worker holds was loaded by `claims.held`, so that its epoch is the worker's.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit import statements
from audit.canonical import digest
from audit.doorbell import ring_worker
from audit.types import Actor
from governance.models import Action, Effect
from governance.refusals import Refusal
from orchestrator.models import (
    MOST_HUMAN_RETRIES,
    STEP_FINAL,
    Run,
    Step,
    StepState,
)
from orchestrator.patterns.base import Ask, Finish, Kind
from orchestrator.patterns.children import Fault
from orchestrator.services import bells, pivots, remembered, shared_state, timing
from orchestrator.services.bounds import bounds_of
from orchestrator.services.history import ENGINE, tell_step
from orchestrator.services.origins import Origin
from orchestrator.services.step_rows import (
    Asked,
    Planned,
    fresh_rows,
    planned_rows,
    queued,
    undo_rows,
    waiting_key,
    waiting_row,
    waits_since_intake,
)
from orchestrator.services.step_states import move as _move
from orchestrator.workflow.plain_json import as_stored

MOST_CRASHES = 3

_LET_GO: Mapping[str, Any] = {"lease_owner": "", "lease_expires_at": None}
_NEW_PHASE: Mapping[str, Any] = {"attempts": 0, "crash_count": 0, "not_before": None}
_CLEARED: Mapping[str, Any] = {"error_code": "", "error_detail": ""}


def lay_out(*, run: Run, plan: Sequence[Planned], origin: Origin | None = None) -> None:
    """Create the steps of the run's outermost sequence, blocked, in the order of the file.

    Those that a fork takes over stand as they ended in the run it comes from.
    """
    ended = {taken.path: taken.state for taken in origin.taken} if origin else {}
    rows = planned_rows(run, plan, ended)
    if origin is not None:
        origin.laid_out(rows)
    statements.inserted(rows)


def make_ready(run: Run, asked: Sequence[Asked]) -> list[Step]:
    """Put the steps that a move asks for into the queue, however many there are at once.

    Whoever calls this claims them or rings for them. Timers are no work: they run from now on.
    """
    found = [(one, _unblocked(run, one)) for one in asked]
    fresh = fresh_rows(run, [one for one, step in found if step is None], StepState.READY)
    _create(fresh)
    return [*(step for _one, step in found if step is not None), *fresh]


def _unblocked(run: Run, asked: Asked) -> Step | None:
    """Put a step of the outermost sequence into the queue, where it has waited since intake."""
    ask = asked.ask
    if not waits_since_intake(ask):
        return None
    values = {"state": StepState.READY, **queued(run, asked)}
    step = statements.taken(Step, waiting_key(run, ask), values)
    if step is not None:
        step.run = run
        remembered.moved(step)
    return step


def _create(rows: Sequence[Step]) -> None:
    statements.inserted(rows)
    for step in rows:
        remembered.moved(step)


def begin(run: Run, ask: Ask) -> Step:
    """Let a block run, from now until its pattern says that it ends."""
    key = ask.path, ask.iteration
    step = waiting_row(run, key)
    if step is None:
        [step] = fresh_rows(run, [Asked(ask)], StepState.RUNNING)
        _create([step])
    else:
        _move(step, StepState.RUNNING, task=as_stored(dict(ask.task)), **bounds_of(run, ask))
    statements.changed(Step, {"pk": step.pk}, {"started_at": Now()})
    return step


def place(run: Run, path: str, iteration: int, kind: Kind) -> Step:
    """Return a new step that nobody has been asked for, and nobody may be."""
    [step] = fresh_rows(run, [Asked(Ask(path, iteration, kind=kind))], StepState.BLOCKED)
    Step.objects.bulk_create([step])
    return step


def settle(step: Step, finish: Finish) -> None:
    """End a block as its pattern says, or skip a step; either may need a person instead."""
    plain = as_stored(dict(finish.output))
    ended: dict[str, Any] = {"finished_at": Now()} if finish.state in STEP_FINAL else {}
    _move(
        step,
        StepState(finish.state),
        output=plain,
        output_digest=digest(plain),
        error_code=finish.error_code,
        error_detail=finish.detail,
        **ended,
    )


def resume_block(step: Step) -> None:
    """Let a block run again that needed a person and does not any more."""
    _move(step, StepState.RUNNING, **_CLEARED)


def cancel(step: Step, *, because: str = "run_ended") -> None:
    """End a step that has not ended: the run has, or nobody waits for it any more.

    A worker at it loses its claim.
    """
    was = step.state
    _move(step, StepState.CANCELLED, epoch=F("epoch") + 1, finished_at=Now(), **_LET_GO)
    tell_step(step, "step.cancelled", ENGINE, state=was, because=because)
    if was == StepState.AWAITING_INPUT:
        ring_worker("orchestrator.recall_errands", step.pk)


def succeed(step: Step, output: Mapping[str, Any], actor: Actor) -> bool:
    """Take over what the step came to; its successors see it from now on.

    What it writes to the shared state is written with it; where that cannot be, the step fails
    instead, or needs a person after a point of no return, and False is returned.
    """
    plain = as_stored(dict(output))
    if fault := shared_state.fault_of(step, plain):
        _turn_down(step, fault)
        return False
    _move(
        step,
        StepState.SUCCEEDED,
        output=plain,
        output_digest=digest(plain),
        held_output={},
        finished_at=Now(),
        **_LET_GO,
        **_CLEARED,
    )
    step.output = plain
    remembered.taken_over(step)
    shared_state.write(step, plain)
    tell_step(step, "step.succeeded", actor, output=plain, output_digest=digest(plain))
    return True


def _turn_down(step: Step, fault: Fault) -> None:
    """End a step that did what it should and whose output cannot be kept."""
    refuse = escalate if pivots.is_passed(step.run) else fail
    refuse(step, fault.code, fault.detail)


def suspend(step: Step, action: Action, held_output: Mapping[str, Any]) -> None:
    """End the attempt and wait for people; the agent is never run again to reach the action."""
    _move(
        step,
        StepState.AWAITING_APPROVAL,
        action=action,
        held_output=dict(held_output),
        **_LET_GO,
    )
    tell_step(step, "step.suspended", ENGINE, action=str(action.pk))


def await_input(step: Step, event: str, most: timedelta | None = None, **payload: Any) -> None:
    """End the attempt and wait for an answer from outside, at most this long if it is said."""
    _move(step, StepState.AWAITING_INPUT, not_before=most and Now() + most, **_LET_GO)
    tell_step(step, event, ENGINE, **payload)


def queue_again(
    step: Step, actor: Actor, event: str, changes: Mapping[str, Any], **payload: Any
) -> None:
    """Queue another turn of a step, with what came since the last, and ring for it."""
    _move(step, StepState.READY, action=None, **changes, **_LET_GO)
    step.action = None
    tell_step(step, event, actor, **payload)
    bells.ring_ready(step)


def release_to_execution(step: Step, action: Action, held_output: Mapping[str, Any]) -> None:
    """Queue an action that policy allowed without asking people, and ring for it."""
    _move(
        step,
        StepState.READY,
        action=action,
        held_output=dict(held_output),
        **_LET_GO,
        **_NEW_PHASE,
    )
    step.action = action
    tell_step(step, "step.ready", ENGINE, action=str(action.pk))
    bells.ring_ready(step)


def resume(step: Step) -> None:
    """Queue the approved action of a step that waited for people, and ring for it."""
    _move(step, StepState.READY, **_NEW_PHASE)
    tell_step(step, "step.ready", ENGINE, action=str(step.action_id))
    bells.ring_ready(step)


def reject(step: Step, code: str, detail: str) -> None:
    """End a step whose action people did not approve."""
    _end(step, StepState.REJECTED, code, detail)


def fail(step: Step, code: str, detail: str, actor: Actor = ENGINE) -> None:
    """End a step that another attempt cannot help."""
    _end(step, StepState.FAILED, code, detail, actor)


def escalate(step: Step, code: str, detail: str, **changes: Any) -> None:
    """Stop trying and leave the step to a person, with what else changes about it."""
    changes |= {"error_code": code, "error_detail": detail}
    _move(step, StepState.ESCALATED, **changes, **_LET_GO)
    tell_step(step, "step.escalated", ENGINE, code=code, detail=detail)


def time_out(step: Step, code: str, detail: str) -> None:
    """End a step whose time is used up; what follows the file says with `on_timeout`."""
    _end(step, StepState.TIMED_OUT, code, detail)


def wait_behind(step: Step, key: str, holder: str) -> None:
    """Note what a ready step lacks, once; whoever lets go of it rings for the step."""
    noted = Step.objects.filter(pk=step.pk, state=StepState.READY).exclude(waits_for=key)
    if noted.update(waits_for=key):
        tell_step(step, "step.held_up", ENGINE, mutex=key, holder=holder)


def give_up_waiting(step: Step, code: str, detail: str) -> None:
    """Leave a ready step to a person; nobody works on it in between."""
    _move(step, StepState.RUNNING, epoch=F("epoch") + 1, waits_for="")
    step.epoch += 1
    escalate(step, code, detail)


def retry_later(step: Step, delay: timedelta, code: str, detail: str) -> None:
    """Count a failed attempt and let the step rest before the next one."""
    _move(
        step,
        StepState.BACKOFF,
        attempts=F("attempts") + 1,
        not_before=Now() + delay,
        error_code=code,
        error_detail=detail,
        **_LET_GO,
    )
    seconds = round(delay.total_seconds(), 1)
    tell_step(step, "step.retry_scheduled", ENGINE, code=code, detail=detail, seconds=seconds)


def wake(step: Step) -> None:
    """Queue a step whose rest is over, or that finds budget again, and ring for it."""
    rests = step.state == StepState.BACKOFF
    only, changes = (Q(not_before__lte=Now()), {}) if rests else (Q(), _CLEARED)
    _move(step, StepState.READY, only=only, **changes)
    tell_step(step, "step.ready", ENGINE, attempt=step.attempts + 1)
    bells.ring_ready(step)


def reclaim(step: Step) -> None:
    """Take a step from a worker that let its lease run out; the third time, ask a person."""
    crashes, expired = step.crash_count + 1, Q(lease_expires_at__lte=Now())
    changes: dict[str, Any] = {"epoch": F("epoch") + 1, "crash_count": crashes, **_LET_GO}
    detail = _("Its worker was lost %(count)d times.") % {"count": crashes}
    if crashes >= MOST_CRASHES:
        why: dict[str, Any] = {"error_code": "poison", "error_detail": detail}
        _move(step, StepState.ESCALATED, only=expired, **changes, **why)
        tell_step(step, "step.escalated", ENGINE, code="poison", detail=detail)
        return
    _move(step, StepState.READY, only=expired, **changes)
    tell_step(step, "step.lease_expired", ENGINE, crashes=crashes, worker=step.lease_owner)
    bells.ring_ready(step)


def await_budget(step: Step, code: str, detail: str) -> None:
    """Let a ready step wait until its run may use more, by itself or because people say so."""
    _move(step, StepState.AWAITING_BUDGET, error_code=code, error_detail=detail)
    tell_step(step, "step.budget_awaited", ENGINE, code=code, detail=detail)


def revoke(step: Step) -> None:
    """Take a running step from its worker and queue it again; its attempt is not counted."""
    worker = step.lease_owner
    _move(step, StepState.READY, epoch=F("epoch") + 1, **_LET_GO)
    tell_step(step, "step.revoked", ENGINE, worker=worker)


def take_up(
    step: Step,
    actor: Actor,
    event: str,
    *,
    counted: bool = False,
    changes: Mapping[str, Any] | None = None,
    **payload: Any,
) -> None:
    """Queue an escalated step anew because a person said so; the caller rings for it.

    What is `counted` may happen three times to a step; then it is refused (409).
    """
    retries = step.human_retries + counted
    if retries > MOST_HUMAN_RETRIES:
        detail = _("Step %(path)s was begun again %(count)d times; decide otherwise about it.")
        words = {"path": step.path, "count": step.human_retries}
        raise Refusal("too_many_retries", detail % words)
    said = {"decider": "human"} if actor.kind == "person" else {}
    times = timing.times_again(step, anew=True)
    fresh = {**_NEW_PHASE, **_CLEARED, **times, "human_retries": retries}
    _move(step, StepState.READY, **fresh, **(changes or {}))
    tell_step(step, event, actor, **said, **payload)


def put_back(step: Step) -> None:
    """Queue a step again whose turn was taken in this transaction and cannot begin."""
    _move(step, StepState.READY, started_at=None, claimed_at=None, **_LET_GO)


def skip(step: Step, actor: Actor, **payload: Any) -> None:
    """End a step without an output because a person said so; a move skips with `settle`.

    Why it needed a person is kept, and what is around it reads that.
    """
    _move(step, StepState.SKIPPED, finished_at=Now(), **_LET_GO)
    said = {"because": "person", "decider": "human", "code": step.error_code}
    tell_step(step, "step.skipped", actor, **said, **payload)


def lay_out_undo(run: Run, effects: Sequence[Effect]) -> None:
    """Create a blocked compensation step for each effect, in the order they are undone."""
    Step.objects.bulk_create(undo_rows(run, effects))


def begin_undo(step: Step) -> None:
    """Queue a compensation step, and ring for it; no pattern asks for it."""
    _move(step, StepState.READY)
    tell_step(step, "step.ready", ENGINE)
    bells.ring_ready(step)


def _end(step: Step, to: StepState, code: str, detail: str, actor: Actor = ENGINE) -> None:
    _move(step, to, finished_at=Now(), error_code=code, error_detail=detail, **_LET_GO)
    tell_step(step, f"step.{to.value}", actor, code=code, detail=detail)
