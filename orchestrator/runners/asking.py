"""What an agent outside is asked: the turn as JSON, the same for programs and for webhooks."""

from typing import Any

from orchestrator.runners.base import AgentRequest


def asked(request: AgentRequest) -> dict[str, Any]:
    """Return the request. An agent that goes on finds its conversation and what came of it."""
    going_on = {
        "conversation": request.conversation,
        "outcome": request.outcome,
        "refusal": request.refusal,
    }
    return {
        "run_id": request.run_id,
        "step": request.step_path,
        "agent": request.agent_slug,
        "inputs": dict(request.inputs),
        "context": dict(request.context),
        "task": dict(request.task),
        "deadline_seconds": request.deadline.total_seconds(),
        "idempotency_key": request.idempotency_key,
        **({} if request.conversation is None else going_on),
    }
