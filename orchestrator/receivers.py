"""News from governance. A signal that is lost is found by the sweep."""

from typing import Any
from uuid import UUID

from governance.signals import gate_decided
from orchestrator.services import resumption


def connect() -> None:
    """Listen to the one fact that governance tells upwards."""
    gate_decided.connect(_on_gate_decided, dispatch_uid="orchestrator.gate_decided")


def _on_gate_decided(*, gate_id: str, **_: Any) -> None:
    resumption.resume(gate_id=UUID(gate_id))
