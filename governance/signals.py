"""News that travels up to the orchestrator, sent after commit. A sweep finds what was lost."""

from django.dispatch import Signal

# Keyword arguments: gate_id (str), action_id (str), outcome (a GateState value).
gate_decided = Signal()
