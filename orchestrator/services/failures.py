"""What becomes of a step whose attempt failed: rest and try again, ask a person, or end."""

from datetime import timedelta

from orchestrator.models import Step
from orchestrator.patterns.retry import delay_after
from orchestrator.runners.base import AgentFailedError
from orchestrator.services import pivots, steps
from orchestrator.services.definitions import definition_of
from orchestrator.workflow.step_plans import StepPlan

# What every runner says of a turn that took too long.
TIMED_OUT = "timed_out"

# What somebody outside may ask us to wait; the run's deadline ends it before, if it comes first.
LONGEST = timedelta(hours=1)


def is_last(step: Step) -> bool:
    """Whether no attempt is left after the one under way."""
    return step.attempts + 1 >= definition_of(step.run.workflow_id).max_attempts


def settle(step: Step, error: AgentFailedError) -> None:
    """Move a held step on after a failed attempt; joins the caller's transaction.

    Three attempts at most (`limits.max_attempts`), then `on_failure` says who is asked; where
    the last one took too long and the file says what follows that, the step times out. What
    another attempt cannot help is not tried again. After a point of no return a run can only go
    forward, so a person is always asked.
    """
    if error.retryable and not is_last(step):
        delay = max(delay_after(str(step.pk), step.attempts + 1), min(error.retry_after, LONGEST))
        steps.retry_later(step, delay, error.code, error.detail)
    elif pivots.is_passed(step.run):
        steps.escalate(step, error.code, error.detail)
    elif error.code == TIMED_OUT and _plan(step).on_timeout:
        steps.time_out(step, error.code, error.detail)
    elif error.retryable and _plan(step).on_failure == "escalate":
        steps.escalate(step, error.code, error.detail)
    else:
        steps.fail(step, error.code, error.detail)


def use_up(step: Step, code: str, detail: str) -> None:
    """Move a held step on whose attempts were used up elsewhere; joins the transaction."""
    if pivots.is_passed(step.run) or _plan(step).on_failure == "escalate":
        steps.escalate(step, code, detail)
    else:
        steps.fail(step, code, detail)


def _plan(step: Step) -> StepPlan:
    return definition_of(step.run.workflow_id).step(step.path)
