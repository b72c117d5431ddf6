"""The words other apps use to speak to the log. No Django here."""

import re
from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["person", "agent", "system"]

_STREAM_NAME = re.compile(r"([a-z][a-z_-]{0,31}):([A-Za-z0-9._-]{1,64})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class StreamKey:
    """Names a stream outside the database: `run:9f1c...`."""

    kind: str
    object_id: str

    def __post_init__(self) -> None:
        if not _STREAM_NAME.fullmatch(f"{self.kind}:{self.object_id}"):
            raise ValueError(f"{self.kind}:{self.object_id} cannot name a stream")

    def __str__(self) -> str:
        return f"{self.kind}:{self.object_id}"

    @classmethod
    def parse(cls, text: str) -> "StreamKey":
        """Read `kind:object_id`; raises ValueError on anything else."""
        match = _STREAM_NAME.fullmatch(text)
        if match is None:
            raise ValueError(f"a stream is named kind:object_id, not {text!r}")
        return cls(match[1], match[2])


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, as opaque ids only: never a name, an e-mail address or an IP."""

    kind: ActorKind
    id: str

    @classmethod
    def person(cls, person_id: object) -> "Actor":
        """Return the actor for a human account."""
        return cls("person", str(person_id))

    @classmethod
    def agent(cls, agent_id: object) -> "Actor":
        """Return the actor for an agent."""
        return cls("agent", str(agent_id))

    @classmethod
    def system(cls, part: str) -> "Actor":
        """Return the actor for a part of the product itself, such as `steward`."""
        return cls("system", part)


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """The thing an event is about."""

    kind: str
    id: str
