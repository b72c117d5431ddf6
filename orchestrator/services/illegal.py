"""Moves that no table of states allows (engine.md 8): refused, and what the engine tries is told.

A lost race is another matter and nobody's fault: the row moved meanwhile, `step_moved` or
`run_moved`, and whoever comes second leaves it. What people ask for is told by `refused`.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from audit.services.events import recording
from governance.refusals import Refusal
from orchestrator.models import Run, Step
from orchestrator.services.history import ENGINE, tell_run

logger = logging.getLogger(__name__)


class IllegalMoveError(Refusal):
    """A run, or a step of it, was to go where its state does not lead."""

    def __init__(self, detail: str, *, run_id: UUID, step: str, was: str, to: str) -> None:
        super().__init__("illegal_transition", detail)
        self.run_id = run_id
        self.step = step
        self.was = was
        self.to = to


@contextmanager
def told() -> Iterator[None]:
    """Let an illegal move pass, and record it in a transaction of its own: the engine tried it.

    Put around everything that the engine does by itself, outside of any transaction. It costs
    nothing where nothing is wrong.
    """
    try:
        yield
    except IllegalMoveError as illegal:
        logger.exception("the engine tried what no table of states allows")
        tell(illegal)
        raise


def tell(illegal: IllegalMoveError) -> None:
    """Record what the engine tried; where the row has moved since, it was only late."""
    with recording():
        run = Run.objects.filter(pk=illegal.run_id).first()
        if run is None or not _stands(illegal, run):
            return
        said = {"step": illegal.step, "was": illegal.was, "to": illegal.to}
        tell_run(run, "run.move_refused", ENGINE, detail=illegal.detail, **said)


def _stands(illegal: IllegalMoveError, run: Run) -> bool:
    if not illegal.step:
        return bool(run.state == illegal.was)
    steps = Step.objects.filter(run=run, state=illegal.was)
    return any(step.place == illegal.step for step in steps)
