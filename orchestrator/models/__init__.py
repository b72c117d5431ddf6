from orchestrator.models.errand import Errand
from orchestrator.models.leadership import Leadership
from orchestrator.models.mutex import Mutex
from orchestrator.models.posting import Posting
from orchestrator.models.run import (
    RUN_ENDING,
    RUN_FINAL,
    RUN_TRANSITIONS,
    PauseMode,
    Rollback,
    Run,
    RunState,
)
from orchestrator.models.state import StateEntry, Trust
from orchestrator.models.step import (
    BLOCK_TRANSITIONS,
    MOST_HUMAN_RETRIES,
    STEP_FINAL,
    STEP_TRANSITIONS,
    Attempt,
    AttemptKind,
    AttemptOutcome,
    Settlement,
    Step,
    StepKind,
    StepState,
)
from orchestrator.models.workflow import Workflow

__all__ = [
    "BLOCK_TRANSITIONS",
    "MOST_HUMAN_RETRIES",
    "RUN_ENDING",
    "RUN_FINAL",
    "RUN_TRANSITIONS",
    "STEP_FINAL",
    "STEP_TRANSITIONS",
    "Attempt",
    "AttemptKind",
    "AttemptOutcome",
    "Errand",
    "Leadership",
    "Mutex",
    "PauseMode",
    "Posting",
    "Rollback",
    "Run",
    "RunState",
    "Settlement",
    "StateEntry",
    "Step",
    "StepKind",
    "StepState",
    "Trust",
    "Workflow",
]
