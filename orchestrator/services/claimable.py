"""Which ready steps a worker may take, and what for: conditions of the UPDATE that takes one."""

from collections.abc import Mapping

from audit import statements
from orchestrator.models import RUN_ENDING, AttemptKind, RunState


def due() -> str:
    """Return the condition that the step's rest, if it has one, is over."""
    return f"(not_before IS NULL OR not_before <= {statements.now()})"


def _run_is(*states: str) -> str:
    names = ", ".join(f"'{RunState(state).value}'" for state in states)
    run = "FROM orchestrator_run r WHERE r.id = orchestrator_step.run_id"
    return f"EXISTS (SELECT 1 {run} AND r.state IN ({names}))"


_EFFECT_IN_FLIGHT = (
    "EXISTS (SELECT 1 FROM governance_effect e"
    " WHERE e.action_id = orchestrator_step.action_id AND e.state = 'in_flight')"
)
# Whether a step that may have to wait for others goes now is found out first.
UNBOUNDED = "NOT bounded"
_FOR_A_TURN = f"action_id IS NULL AND undoes_id IS NULL AND {_run_is(RunState.RUNNING)}"
# While a run is ending nothing begins, but an effect that is in flight is settled.
_FOR_EXECUTION = (
    f"action_id IS NOT NULL AND undoes_id IS NULL AND ({_run_is(RunState.RUNNING)}"
    f" OR ({_run_is(*sorted(RUN_ENDING))} AND {_EFFECT_IN_FLIGHT}))"
)
FOR: Mapping[AttemptKind, str] = {
    AttemptKind.TURN: _FOR_A_TURN,
    AttemptKind.EXECUTION: _FOR_EXECUTION,
    AttemptKind.COMPENSATION: f"undoes_id IS NOT NULL AND {_run_is(RunState.COMPENSATING)}",
}
