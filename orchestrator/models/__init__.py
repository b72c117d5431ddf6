from orchestrator.models.leadership import Leadership
from orchestrator.models.run import RUN_FINAL, RUN_TRANSITIONS, Run, RunState
from orchestrator.models.step import (
    STEP_FINAL,
    STEP_TRANSITIONS,
    Attempt,
    AttemptOutcome,
    Step,
    StepState,
)
from orchestrator.models.workflow import Workflow

__all__ = [
    "RUN_FINAL",
    "RUN_TRANSITIONS",
    "STEP_FINAL",
    "STEP_TRANSITIONS",
    "Attempt",
    "AttemptOutcome",
    "Leadership",
    "Run",
    "RunState",
    "Step",
    "StepState",
    "Workflow",
]
