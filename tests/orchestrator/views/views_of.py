"""What selectors return, made by hand for tests that need no database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from orchestrator.selectors.run_view import EffectRow, GateRow, RunView, StepRow

BEGIN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def a_run(**changes: Any) -> RunView:
    fields: dict[str, Any] = {
        "id": uuid4(),
        "domain_id": uuid4(),
        "workflow_id": uuid4(),
        "workflow": "code-review",
        "workflow_version": "1.0.0",
        "initiator_id": 1,
        "contract_id": None,
        "initiator": "Ines",
        "state": "succeeded",
        "label": "Succeeded",
        "is_final": True,
        "inputs": {"branch": "feature", "repo": "/srv/demo", "deep": True, "list": [1]},
        "owners": {},
        "absent": (),
        "error_code": "",
        "error_detail": "",
        "created_at": BEGIN,
        "started_at": BEGIN,
        "finished_at": BEGIN + timedelta(seconds=5),
        "deadline_at": BEGIN + timedelta(hours=6),
        "ending": "",
        "rollback": "not_needed",
        "rollback_label": "",
        "held_by": "",
        "held_why": "",
        "elapsed_ms": 5000,
        "seq": 1,
        "lanes": (),
        "steps": (),
        "gates": (),
        "effects": (),
        "exhibits": (),
    }
    return RunView(**fields | changes)


def a_step(path: str, **changes: Any) -> StepRow:
    fields: dict[str, Any] = {
        "id": uuid4(),
        "path": path,
        "iteration": 0,
        "agent_id": uuid4(),
        "agent": "Scout",
        "state": "succeeded",
        "kind": "turn",
        "label": "Done",
        "output": {},
        "error_code": "",
        "error_detail": "",
        "started_at": BEGIN,
        "finished_at": BEGIN + timedelta(seconds=1),
        "not_before": None,
        "attempts": (),
    }
    return StepRow(**fields | changes)


def a_gate(state: str, **changes: Any) -> GateRow:
    fields: dict[str, Any] = {
        "id": uuid4(),
        "step_path": "merge",
        "state": state,
        "label": state,
        "sentence": "Merge feature into main",
        "risk": "high",
        "opened_at": BEGIN,
        "expires_at": BEGIN + timedelta(hours=4),
        "decided_at": None,
    }
    return GateRow(**fields | changes)


def an_effect(state: str, **changes: Any) -> EffectRow:
    fields: dict[str, Any] = {
        "id": uuid4(),
        "action_id": uuid4(),
        "step_path": "merge",
        "tool": "Merge a branch",
        "state": state,
        "label": state,
        "response": {},
        "error": "",
        "undoable": True,
        "started_at": BEGIN,
        "finished_at": BEGIN,
    }
    return EffectRow(**fields | changes)
