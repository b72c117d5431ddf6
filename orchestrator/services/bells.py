"""Rings workers for steps that are ready. A message carries ids; the database is the truth."""

from collections.abc import Sequence
from math import ceil

from django.db.models.functions import Now

from audit import statements
from audit.doorbell import ring_worker
from orchestrator.models import Step

TURN_TASK = "orchestrator.run_agent_step"
EXECUTION_TASK = "orchestrator.run_effect_step"
UNDO_TASK = "orchestrator.run_undo_step"
MOST_AT_ONCE = 50
BELLS = 20


def ring_all(found: Sequence[Step]) -> None:
    """After commit, ring workers for steps that are ready, with one bell for a slice of many.

    A worker takes the steps of its slice one by one; what it does not come to in time the sweep
    rings for again, step by step.
    """
    if not found:
        return
    Step.objects.filter(pk__in=[step.pk for step in found]).update(rung_at=Now())
    size = min(MOST_AT_ONCE, ceil(len(found) / BELLS)) or 1
    for first in range(0, len(found), size):
        ring_worker(TURN_TASK, *(step.pk for step in found[first : first + size]))


def ring(step: Step) -> None:
    """After commit, ring a worker of the right queue. The sweep repeats a ring that was lost."""
    statements.changed(Step, {"pk": step.pk}, {"rung_at": Now()})
    ring_ready(step)


def ring_ready(step: Step) -> None:
    """After commit, ring for a step that becomes ready; its row says so with its new state."""
    task = EXECUTION_TASK if step.action_id else TURN_TASK
    ring_worker(UNDO_TASK if step.undoes_id else task, step.pk)
