"""Both domains are of this instance: the message is handed over in memory."""

from orchestrator.federation.transport import Answer, Message
from orchestrator.services import errands


class LocalTransport:
    """Calls the callee's services; they check everything as if it came from outside."""

    def submit(self, message: Message) -> Answer | None:
        """Begin the errand in the callee's domain, or return what came of it."""
        return errands.answer_of(errands.receive(message=message))

    def recall(self, message_id: str, *, reason: str) -> bool:
        """Cancel the callee's run, if it has not ended."""
        return errands.recall(key=message_id, reason=reason)
