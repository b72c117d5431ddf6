"""An agent that says back what it was given. Deterministic, for tests and first steps."""

from orchestrator.runners.base import (
    AgentRequest,
    AgentResult,
    FoundExhibit,
    Heartbeat,
    Proposal,
)


class EchoRunner:
    """Answers with its inputs as output; its configuration may add what else there is."""

    name = "echo"
    version = "1"

    def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
        """Return at once what inputs and configuration say."""
        config = request.config
        return AgentResult(
            output={**request.inputs, **config.get("output", {})},
            exhibits=[FoundExhibit(**found) for found in config.get("exhibits", ())],
            proposals=[Proposal(**proposed) for proposed in config.get("proposals", ())],
            usage=config.get("usage", {}),
        )
