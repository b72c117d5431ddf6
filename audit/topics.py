"""What a viewer can join: one stream, or one list of a domain."""

import re
from dataclasses import dataclass
from typing import Any

from audit import doorbell
from audit.types import StreamKey

_LIST_NAME = re.compile(r"list:([a-z_-]{1,32}):([A-Za-z0-9-]{1,36})", re.ASCII)


@dataclass(frozen=True, slots=True)
class StreamTopic:
    """One object's history; its version is the `seq` of the newest event."""

    key: StreamKey

    def __str__(self) -> str:
        return str(self.key)

    @property
    def group(self) -> str:
        """The channel-layer group that is rung."""
        return doorbell.stream_group(self.key)

    def ring(self, version: int) -> dict[str, Any]:
        """Return what a viewer is told."""
        return {"stream": str(self.key), "seq": version}


@dataclass(frozen=True, slots=True)
class ListTopic:
    """A list that can only be fetched again; its version is the newest event of the domain."""

    name: str
    domain_id: str

    def __str__(self) -> str:
        return f"list:{self.name}:{self.domain_id}"

    @property
    def group(self) -> str:
        """The channel-layer group that is rung."""
        return doorbell.list_group(self.name, self.domain_id)

    def ring(self, version: int) -> dict[str, Any]:
        """Return what a viewer is told, which is not the version."""
        return {"list": self.name, "domain": self.domain_id}


Topic = StreamTopic | ListTopic


def parse(text: str) -> Topic:
    """Read `list:name:domain_id` or `kind:object_id`; raises ValueError on anything else."""
    match = _LIST_NAME.fullmatch(text)
    return ListTopic(match[1], match[2]) if match else StreamTopic(StreamKey.parse(text))


def of_ring(message: dict[str, Any]) -> str:
    """Return the name of the topic that a ring from the channel layer is about."""
    if "stream" in message:
        return str(message["stream"])
    return f"list:{message['list']}:{message['domain']}"
