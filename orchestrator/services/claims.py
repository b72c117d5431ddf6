"""A worker's hold on a step: taken by one conditional UPDATE, kept by heartbeats, lost by lease.

Nobody else can hold the step at the same time, and a holder that was replaced cannot write: all
its writes carry the epoch of its claim.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
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
from governance.models import Action, Agent, Lifecycle
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

# A lease begins anew where more than one of so many parts of it passed before the work began.
PARTS = 3


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

    Who has the run locked may have drawn on its budget already. What takes long before it begins
    is not on its lease: the first draw of a process for a model reads the list of prices.
    """
    since = monotonic()
    step = seizing.seize(step_id=step_id, kind=kind, worker=worker)
    step = step or waiting.seize(step_id=step_id, kind=kind, worker=worker)
    if step is None:
        return None
    step.run = run or statements.found(Run, {"pk": step.run_id})[0]
    step.agent = agent or statements.found(Agent, {"pk": step.agent_id})[0]
    if step.action_id is not None:
        [step.action] = statements.found(Action, {"pk": step.action_id})
    budget = spending.drawn(step, kind) if drawn is None else drawn
    return begun(step, kind, worker, budget, took=monotonic() - since)


def taken_together(*, step_ids: Sequence[UUID], worker: str, run: Run) -> list[Claim]:
    """Take ready steps of a run, which the caller has locked, for turns of their agents.

    It takes a few statements however many they are, but for those that may have to wait for
    others. Raises NoBudgetError when one of them finds no budget.
    """
    since = monotonic()
    rows = {row.pk: row for row in seizing.seize_all(step_ids, worker)}
    agents = Agent.objects.in_bulk({row.agent_id for row in rows.values()})
    for row in rows.values():
        row.run, row.agent = run, agents[row.agent_id]
    at_once = [rows[step_id] for step_id in step_ids if step_id in rows]
    budgets = spending.drawn_together(at_once)
    kind = AttemptKind.TURN
    held = list(zip(at_once, budgets, strict=True))
    begun = all_begun(held, kind, worker, took=monotonic() - since)
    others = [step_id for step_id in step_ids if step_id not in rows]
    claims = [taken(step_id=s, kind=kind, worker=worker, run=run) for s in others]
    return [*begun, *filter(None, claims)]


def begun(step: Step, kind: AttemptKind, worker: str, budget: Held, *, took: float) -> Claim:
    """Begin the try of a step that was taken `took` seconds ago; run and agent are loaded."""
    [claim] = all_begun([(step, budget)], kind, worker, took=took)
    return claim


def all_begun(
    taken: Sequence[tuple[Step, Held]], kind: AttemptKind, worker: str, *, took: float
) -> list[Claim]:
    """Begin the tries of steps that were taken `took` seconds ago, with what each holds."""
    attempts = [_attempt_of(step, kind, worker, budget) for step, budget in taken]
    statements.inserted(attempts)
    return [
        _told(step, attempt, worker, budget, took)
        for (step, budget), attempt in zip(taken, attempts, strict=True)
    ]


def _told(step: Step, attempt: Attempt, worker: str, budget: Held, took: float) -> Claim:
    actor, kind = Actor.agent(step.agent_id), attempt.kind
    said = {"attempt": attempt.number, "kind": str(kind), "held": dict(budget.amounts)}
    tell_step(step, "step.started", actor, **said)
    lease = timing.lease_of(step)
    is_late = took * PARTS > lease.total_seconds()
    if is_late or lease.total_seconds() != settings.CLAIM_LEASE_SECONDS:
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


def held_within(claim: Claim, run: Run, *, not_while: Collection[str] = ()) -> Step:
    """Return the step as it is now, in a run that the caller has locked; raises TurnLostError.

    Nobody takes a step from its worker without the run, so the step needs no lock of its own.
    """
    same = {"pk": claim.step_id, "state": StepState.RUNNING, "epoch": claim.epoch}
    if run.state in not_while or not (found := statements.found(Step, same)):
        raise _lost(claim)
    step = found[0]
    step.run, step.agent, step.action = run, claim.step.agent, claim.step.action
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


@dataclass(frozen=True, slots=True)
class Ended:
    """How the try of a claim ended, what it used, and what it is charged for that."""

    claim: Claim
    outcome: AttemptOutcome
    code: str = ""
    detail: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    charged: Charged | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """Return what its row says of it."""
        return {
            "outcome": self.outcome,
            "error_code": self.code,
            "error_detail": self.detail,
            "usage": dict(self.usage),
            "finished_at": Now(),
            **(self.charged.fields if self.charged else {}),
        }


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
    close_all([Ended(claim, outcome, code, detail, usage or {}, charged)])


def close_all(ended: Sequence[Ended]) -> None:
    """Say how tries ended, with one statement for all that ended alike."""
    alike: dict[str, list[Ended]] = {}
    for one in ended:
        alike.setdefault(repr(one.columns), []).append(one)
    for group in alike.values():
        tries = [one.claim.attempt_id for one in group]
        still = {"outcome": AttemptOutcome.RUNNING}
        statements.all_changed(Attempt, tries, still, group[0].columns)


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


def _attempt_of(step: Step, kind: AttemptKind, worker: str, budget: Held) -> Attempt:
    """Return the next try. Under its first epoch nobody can have tried a step before."""
    last = step.tries.aggregate(last=Max("number"))["last"] if step.epoch > 1 else 0
    number = (last or 0) + 1
    return Attempt(
        step=step,
        number=number,
        kind=kind,
        epoch=step.epoch,
        worker=worker,
        runner=_runner_of(step, kind),
        held=dict(budget.amounts),
        is_held_above=budget.finer,
        settlement=Settlement.HELD if budget.amounts else Settlement.NONE,
    )


def _runner_of(step: Step, kind: AttemptKind) -> str:
    """Return what to record of who does it; people who are asked have no runner."""
    if kind is AttemptKind.EXECUTION and step.action is not None:
        return f"tool {step.action.tool_id}"
    if kind is not AttemptKind.TURN or step.agent is None or step.kind == StepKind.APPROVAL:
        return ""
    return description_of(step.agent.runner)


def name_runner(claim: Claim, runner: str) -> None:
    """Keep on the attempt which runner, of which distribution and version, took the turn."""
    Attempt.objects.filter(pk=claim.attempt_id).exclude(runner=runner).update(runner=runner)


def _lost(claim: Claim) -> TurnLostError:
    return TurnLostError(f"step {claim.step_id} is no longer held under epoch {claim.epoch}")
