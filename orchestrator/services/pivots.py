"""Whether a run has passed its point of no return (engine.md 5.7)."""

from orchestrator.models import Run
from orchestrator.selectors.rollback import past_pivot
from orchestrator.services.definitions import definition_of


def is_passed(run: Run) -> bool:
    """Whether the run only goes forward by now: what it lacks is for a person to decide."""
    return past_pivot(run.pk, definition_of(run.workflow_id))
