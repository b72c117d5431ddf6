"""A worker's hold on a step: taken by one conditional UPDATE, kept by heartbeats, lost by lease.

Nobody else can hold the step at the same time, and a holder that was replaced cannot write: all
its writes carry the epoch of its claim.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, Max, OuterRef
from django.db.models.functions import Now

from audit import statements
from audit.services.events import recording
from audit.types import Actor
from governance.budgeting.answers import Held
from governance.models import Agent, Lifecycle
from governance.refusals import Refusal
from orchestrator.models import (
    RUN_ENDING,
    Attempt,
    AttemptKind,
    AttemptOutcome,
    Run,
    Settlement,
    Step,
    StepKind,
    StepState,
)
from orchestrator.runners.base import TurnLostError
from orchestrator.runners.registry import description_of
from orchestrator.services import seizing, spending, timing, waiting
from orchestrator.services.history import ENGINE, tell_step
from orchestrator.services.spending import Charged


@dataclass(frozen=True, slots=True)
class Claim:
    """One worker's hold on a step under one epoch. `attempt_id` is the try it stands for.

    `lease` is how long its worker may be silent. `step` is the row as it was taken, with its run
    and its agent; whether it is still held is for the database to say. `budget` is what the try
    holds of the run's budget, `since` when it began by this process's clock.
    """

    step_id: UUID
    run_id: UUID
    epoch: int
    attempt_id: int
    worker: str
    lease: timedelta
    step: Step = field(repr=False, compare=False)
    budget: Held = field(default_factory=Held)
    since: float = field(default_factory=monotonic, compare=False)

    def elapsed(self) -> float:
        """Return for how many seconds it is held."""
        return monotonic() - self.since


def claim(*, step_id: UUID, kind: AttemptKind, worker: str) -> Claim | None:
    """Take a ready step, or return None: somebody else has it, or it is not ready for this.

    A step that has proposed an action is ready for its execution, any other for a turn of its
    agent. The run must be running and not paused; for an undo it must be rolled back. Raises
    NoBudgetError when the turn finds no budget, and then nothing was taken.
    """
    with recording():
        return taken(step_id=step_id, kind=kind, worker=worker)


def taken(
    *,
    step_id: UUID,
    kind: AttemptKind,
    worker: str,
    run: Run | None = None,
    agent: Agent | None = None,
    drawn: Held | None = None,
) -> Claim | None:
    """Take a ready step within the caller's `recording()`, which may have read run and agent.

    Who has the run locked may have drawn on its budget already.
    """
    step = seizing.seize(step_id=step_id, kind=kind, worker=worker)
    step = step or waiting.seize(step_id=step_id, kind=kind, worker=worker)
    if step is None:
        return None
    step.run = run or statements.found(Run, {"pk": step.run_id})[0]
    step.agent = agent or statements.found(Agent, {"pk": step.agent_id})[0]
    budget = spending.drawn(step, kind) if drawn is None else drawn
    return begun(step, kind, worker, budget)


def begun(step: Step, kind: AttemptKind, worker: str, budget: Held) -> Claim:
    """Begin the try of a step that was just taken; its run and agent are loaded."""
    attempt = _open_attempt(step, kind, worker, budget)
    actor = Actor.agent(step.agent_id)
    said = {"attempt": attempt.number, "kind": kind.value, "held": dict(budget.amounts)}
    tell_step(step, "step.started", actor, **said)
    lease = timing.lease_of(step)
    if lease.total_seconds() != settings.CLAIM_LEASE_SECONDS:
        Step.objects.filter(pk=step.pk).update(lease_expires_at=Now() + lease)
    return Claim(step.pk, step.run_id, step.epoch, attempt.pk, worker, lease, step, budget)


def heartbeat(claim: Claim, *, agent_must_be_active: bool = False) -> None:
    """Prolong the lease; raises TurnLostError when the step is no longer held by this claim.

    An agent that is suspended while it works, or whose run is being cancelled, learns so here:
    its turn is lost. An effect under way is not stopped by that, because half of it helps nobody.
    """
    kept = Step.objects.filter(pk=claim.step_id, state=StepState.RUNNING, epoch=claim.epoch)
    if agent_must_be_active:
        active = Agent.objects.filter(pk=OuterRef("agent_id"), lifecycle=Lifecycle.ACTIVE)
        ending = Run.objects.filter(pk=OuterRef("run_id"), state__in=RUN_ENDING)
        kept = kept.filter(Exists(active), ~Exists(ending))
    if not kept.update(lease_expires_at=Now() + claim.lease):
        raise _lost(claim)


def held(claim: Claim, *, not_while: Collection[str] = ()) -> Step:
    """Return the step, locked where the database locks rows; raises TurnLostError.

    Called first in every transaction that writes for a claim, after the run was locked. What is
    about to begin something names the states of the run in which nothing may begin any more.
    """
    step = (
        Step.objects.select_for_update(of=("self",))
        .select_related("run", "agent")
        .filter(pk=claim.step_id, state=StepState.RUNNING, epoch=claim.epoch)
        .first()
    )
    if step is None or step.run.state in not_while:
        raise _lost(claim)
    return step


def as_taken(claim: Claim, run: Run, *, not_while: Collection[str] = ()) -> Step:
    """Return the step as the claim took it, in a run that the caller has locked.

    Nobody but its holder changes a step that is held, so it is not read again: the first write
    to it names its state and epoch, and finds out within `writing` if the claim is gone.
    """
    if run.state in not_while:
        raise _lost(claim)
    step = copy(claim.step)
    step.run = run
    return step


@contextmanager
def writing(claim: Claim) -> Iterator[None]:
    """Say of a write that came too late that the claim is lost; put around its transaction."""
    try:
        yield
    except Refusal as refusal:
        if refusal.code == "step_moved":
            raise _lost(claim) from None
        raise


def close(
    claim: Claim,
    outcome: AttemptOutcome,
    *,
    code: str = "",
    detail: str = "",
    usage: Mapping[str, Any] | None = None,
    charged: Charged | None = None,
) -> None:
    """Say how the try of this claim ended. An attempt ends once; a second end changes nothing."""
    statements.changed(
        Attempt,
        {"pk": claim.attempt_id, "outcome": AttemptOutcome.RUNNING},
        {
            "outcome": outcome,
            "error_code": code,
            "error_detail": detail,
            "usage": dict(usage or {}),
            "finished_at": Now(),
            **(charged.fields if charged else {}),
        },
    )


def mark_stale(claim: Claim) -> None:
    """Record that the worker came back after losing its claim; nothing of it was taken over."""
    open_ended = [AttemptOutcome.RUNNING, AttemptOutcome.CRASHED]
    with recording():
        attempt = Attempt.objects.filter(pk=claim.attempt_id, outcome__in=open_ended)
        if attempt.update(outcome=AttemptOutcome.STALE, finished_at=Now()):
            step = Step.objects.select_related("run").get(pk=claim.step_id)
            tell_step(step, "step.stale", ENGINE, worker=claim.worker)


def mark_revoked(step: Step) -> None:
    """Record that the step was taken from its worker, which may not know it yet."""
    step.tries.filter(outcome=AttemptOutcome.RUNNING).update(
        outcome=AttemptOutcome.STALE, finished_at=Now()
    )


def mark_timed_out(step: Step, code: str, detail: str) -> None:
    """Record that the attempt took too long; its worker may not know it yet."""
    step.tries.filter(outcome=AttemptOutcome.RUNNING).update(
        outcome=AttemptOutcome.FAILED, error_code=code, error_detail=detail, finished_at=Now()
    )


def mark_crashed(step: Step) -> None:
    """Record that nobody heard again from the worker that held the step."""
    step.tries.filter(outcome=AttemptOutcome.RUNNING).update(
        outcome=AttemptOutcome.CRASHED, finished_at=Now()
    )


def _open_attempt(step: Step, kind: AttemptKind, worker: str, budget: Held) -> Attempt:
    """Begin the next try. Under its first epoch nobody can have tried a step before."""
    last = step.tries.aggregate(last=Max("number"))["last"] if step.epoch > 1 else 0
    number = (last or 0) + 1
    attempt = Attempt(
        step=step,
        number=number,
        kind=kind,
        epoch=step.epoch,
        worker=worker,
        runner=_runner_of(step) if kind is AttemptKind.TURN else "",
        held=dict(budget.amounts),
        is_held_above=budget.finer,
        settlement=Settlement.HELD if budget.amounts else Settlement.NONE,
    )
    statements.inserted([attempt])
    return attempt


def _runner_of(step: Step) -> str:
    """Return what to record of who takes the turn; people who are asked have no runner."""
    if step.agent is None or step.kind == StepKind.APPROVAL:
        return ""
    return description_of(step.agent.runner)


def name_runner(claim: Claim, runner: str) -> None:
    """Keep on the attempt which runner, of which distribution and version, took the turn."""
    Attempt.objects.filter(pk=claim.attempt_id).exclude(runner=runner).update(runner=runner)


def _lost(claim: Claim) -> TurnLostError:
    return TurnLostError(f"step {claim.step_id} is no longer held under epoch {claim.epoch}")
