"""What workers are rung for. A message carries an id; the database says what there is to do."""

import os
import socket
from uuid import UUID

from celery import current_app, shared_task

from orchestrator.services import execution, handing_over, illegal, runs, slices, undoing

# The queue of agents; a worker of effects alone leaves it to those that have what agents need.
TURNS = "agents"


@shared_task(name="orchestrator.run_agent_step")
@illegal.told()
def run_agent_step(*step_ids: str) -> None:
    """Take the turn of each step, and of those after it that become ready."""
    slices.drive(step_ids=[UUID(step_id) for step_id in step_ids], worker=_worker())


@shared_task(name="orchestrator.run_effect_step")
@illegal.told()
def run_effect_step(step_id: str) -> None:
    """Execute the step's approved action, and go on with the run where turns are ours too."""
    takes_turns = TURNS in current_app.amqp.queues.consume_from
    execution.execute(step_id=UUID(step_id), worker=_worker(), takes_turns=takes_turns)


@shared_task(name="orchestrator.run_undo_step")
@illegal.told()
def run_undo_step(step_id: str) -> None:
    """Undo the effect that the compensation step is for."""
    undoing.undo(step_id=UUID(step_id), worker=_worker())


@shared_task(name="orchestrator.advance_run")
@illegal.told()
def advance_run(run_id: str) -> None:
    """Make the run's next move, if there is one."""
    runs.advance(run_id=UUID(run_id))


@shared_task(name="orchestrator.answer_errand")
@illegal.told()
def answer_errand(run_id: str) -> None:
    """Answer the domain that a run was done for."""
    handing_over.heard(UUID(run_id))


@shared_task(name="orchestrator.recall_errands")
@illegal.told()
def recall_errands(step_id: str) -> None:
    """Stop what another domain does for a step that has ended."""
    handing_over.recall_of(UUID(step_id))


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
