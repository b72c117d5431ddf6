from orchestrator.models.leadership import Leadership
from orchestrator.models.run import RUN_FINAL, RUN_TRANSITIONS, Run, RunState
from orchestrator.models.step import (
    STEP_FINAL,
    STEP_TRANSITIONS,
    Attempt,
    AttemptKind,
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
    "AttemptKind",
    "AttemptOutcome",
    "Leadership",
    "Run",
    "RunState",
    "Step",
    "StepState",
    "Workflow",
]
