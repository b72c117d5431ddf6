"""Budgets of runs under way: turns that found none, attempts nobody heard of, people's raises."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Coalesce, Now

from audit.services.events import recording
from governance.budgeting.amounts import Amounts
from governance.budgeting.answers import Held
from governance.models import Holding, HoldingState, Person
from governance.services import budgets, holdings
from orchestrator.models import (
    RUN_FINAL,
    Attempt,
    Run,
    RunState,
    Settlement,
    Step,
    StepState,
)
from orchestrator.services import bells, errands, runs, shortage, spending
from orchestrator.services.claims import Claim
from orchestrator.services.spending import Charged, Usage

MOST_AT_ONCE = 200
_GOES_ON = (RunState.RUNNING, RunState.WAITING)


def set_aside(*, step_id: UUID) -> None:
    """Let a ready step wait that a worker found no budget for, unless there is some by now."""
    with recording():
        run = runs.lock(Step.objects.values_list("run_id", flat=True).get(pk=step_id))
        step = Step.objects.select_related("run", "agent").get(pk=step_id)
        if step.state != StepState.READY or run.state != RunState.RUNNING:
            return
        [(_step, answer)] = spending.tried([step])
        if isinstance(answer, Held):
            bells.ring(step)
            return
        shortage.set_aside(run, step, answer)
        runs.advance(run_id=run.pk)


def give_back(claim: Claim, step: Step) -> None:
    """Let go what an attempt holds that never began; joins the caller's transaction."""
    spending.let_go(step, claim.budget, epoch=claim.epoch)
    Attempt.objects.filter(pk=claim.attempt_id).update(settlement=Settlement.NONE)


def settle_late(claim: Claim, usage: Usage) -> None:
    """Charge what a turn used whose claim was lost before it could be taken over."""
    with recording():
        runs.lock(claim.run_id)
        attempt = _held(claim.attempt_id)
        if attempt is not None:
            held = Held(attempt.held, finer=attempt.is_held_above)
            charged = spending.settle(
                attempt.step, attempt.epoch, held, usage, seconds=claim.elapsed()
            )
            _close(attempt, charged)


def unverified() -> list[int]:
    """Return the attempts that lost their claim long ago and of which nobody heard again."""
    patience = timedelta(seconds=settings.BUDGET_UNVERIFIED_SECONDS)
    open_ones = Attempt.objects.filter(settlement=Settlement.HELD)
    lost = open_ones.exclude(step__state=StepState.RUNNING, step__epoch=F("epoch"))
    ended = Coalesce("finished_at", "step__finished_at", "started_at")
    due = lost.alias(ended=ended).filter(ended__lte=Now() - patience)
    return list(due.order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE])


def charge_unverified(attempt_id: int) -> bool:
    """Charge a lost attempt in full for what nobody reported; it can be seen and corrected."""
    with recording():
        runs.lock(Attempt.objects.values_list("step__run_id", flat=True).get(pk=attempt_id))
        attempt = _held(attempt_id)
        if attempt is None:
            return False
        held = Held(attempt.held, finer=attempt.is_held_above)
        _close(attempt, spending.settle_unverified(attempt.step, attempt.epoch, held))
    return True


def short_runs() -> list[UUID]:
    """Return the runs with steps that wait for budget; it may have come back unheard."""
    waiting = Step.objects.filter(run=OuterRef("pk"), state=StepState.AWAITING_BUDGET)
    found = Run.objects.filter(Exists(waiting), state__in=_GOES_ON)
    return list(found.values_list("pk", flat=True)[:MOST_AT_ONCE])


def unsettled_runs() -> list[UUID]:
    """Return the runs that have ended and still hold something of the budgets above them."""
    over = Run.objects.filter(pk=OuterRef("run_id"), state__in=RUN_FINAL)
    still = Holding.objects.filter(Exists(over)).exclude(state=HoldingState.CLOSED)
    return list(still.values_list("run_id", flat=True)[:MOST_AT_ONCE])


def close(run_id: UUID) -> bool:
    """Settle an ended run with the budgets above it, once nothing of it is unknown."""
    with recording():
        runs.lock(run_id)
        return holdings.close(run_id=run_id)


def raise_run(*, run_id: UUID, caps: Amounts, person: Person, reason: str) -> None:
    """Let a run use more because a person says so; steps that wait for it go on at once.

    A step that was escalated for want of budget is retried by its own verb.
    """
    with recording():
        run = Run.objects.select_for_update(of=("self",)).filter(pk=run_id).first()
        budgets.raise_run(run_id=run_id, caps=caps, person=person, reason=reason)
        if run is not None:
            if "micro_usd" in caps:
                errands.refuse_beyond_cap(run)
            runs.advance(run_id=run_id)


def _held(attempt_id: int) -> Attempt | None:
    held = Attempt.objects.filter(pk=attempt_id, settlement=Settlement.HELD)
    return held.select_related("step__run", "step__agent").first()


def _close(attempt: Attempt, charged: Charged) -> None:
    Attempt.objects.filter(pk=attempt.pk, settlement=Settlement.HELD).update(**charged.fields)
    run = attempt.step.run
    if run.state in RUN_FINAL:
        holdings.close(run_id=run.pk)
    else:
        runs.advance(run_id=run.pk)
