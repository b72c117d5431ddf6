"""What becomes of a step whose attempt failed: rest and try again, ask a person, or end."""

from datetime import timedelta

from orchestrator.models import Step
from orchestrator.patterns.retry import delay_after
from orchestrator.runners.base import AgentFailedError
from orchestrator.services import rollback, steps
from orchestrator.services.definitions import definition_of

# What somebody outside may ask us to wait; the run's deadline ends it before, if it comes first.
LONGEST = timedelta(hours=1)


def is_last(step: Step) -> bool:
    """Whether no attempt is left after the one under way."""
    return step.attempts + 1 >= definition_of(step.run.workflow_id).max_attempts


def settle(step: Step, error: AgentFailedError) -> None:
    """Move a held step on after a failed attempt; joins the caller's transaction.

    Three attempts at most (`limits.max_attempts`), then `on_failure` says who is asked. What
    another attempt cannot help is not tried again. After a point of no return a run can only go
    forward, so a person is always asked.
    """
    if error.retryable and not is_last(step):
        delay = max(delay_after(str(step.pk), step.attempts + 1), min(error.retry_after, LONGEST))
        steps.retry_later(step, delay, error.code, error.detail)
    elif rollback.past_pivot(step.run) or (error.retryable and _asks_people(step)):
        steps.escalate(step, error.code, error.detail)
    else:
        steps.fail(step, error.code, error.detail)


def _asks_people(step: Step) -> bool:
    return definition_of(step.run.workflow_id).step(step.path).on_failure == "escalate"
