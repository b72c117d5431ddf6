from audit.models.event import Event, Payload
from audit.models.stream import Stream

__all__ = ["Event", "Payload", "Stream"]
