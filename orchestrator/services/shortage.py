"""What becomes of steps that find no budget: they wait, or people are asked, or the run stops."""

from collections.abc import Iterable

from governance.budgeting.answers import Exhausted, Held, Short
from governance.services.budgets import code_of, sentence_of
from orchestrator.models import Run, Step, StepState
from orchestrator.patterns.base import PastStep
from orchestrator.services import rollback, spending, steps
from orchestrator.services.definitions import definition_of

CODE = "budget_exhausted"


def set_aside(run: Run, step: Step, answer: Short) -> None:
    """Let a ready step wait that found no budget; joins the transaction, which holds the run."""
    steps.await_budget(step, code_of(answer), sentence_of(answer))
    if isinstance(answer, Exhausted):
        _exhausted(run, step, answer)


def wake(run: Run, past: Iterable[PastStep]) -> bool:
    """Let those of the run's steps go on that waited for budget and find it now.

    Where waiting does not help any more, what the file says follows. Returns whether any moved.
    """
    if not any(step.state == StepState.AWAITING_BUDGET for step in past):
        return False
    waiting = run.steps.filter(state=StepState.AWAITING_BUDGET).select_related("run", "agent")
    moved = False
    in_order = list(waiting.order_by("position", "path", "iteration"))
    for step, answer in spending.tried(in_order):
        if isinstance(answer, Held):
            steps.wake(step)
        elif isinstance(answer, Exhausted):
            _exhausted(run, step, answer)
        else:
            continue
        moved = True
        if run.ending:
            break
    return moved


def _exhausted(run: Run, step: Step, answer: Short) -> None:
    if definition_of(run.workflow_id).budget.on_exhausted == "stop":
        rollback.stop(run, CODE, sentence_of(answer))
    else:
        steps.escalate(step, CODE, sentence_of(answer))
