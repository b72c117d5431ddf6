"""The seam between two domains. What crosses it is JSON, so that the other may be elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One turn that is asked for. `id` is the same however often it is sent.

    `contract` is the digest of the contract it is asked under, `agent` is `slug@version` of the
    callee, `on_behalf_of` the opaque id of who started the caller's run. `is_judged` says that
    the caller's pattern judges the answer itself. `deadline` and `start_to_close` are durations
    such as 30m, `budget` is what the turn may use at most, by unit. `data_classes` are those of
    everything in `inputs`, `context` and `task`.
    """

    id: str
    contract: str
    run: str
    step: str
    agent: str
    on_behalf_of: str
    inputs: Mapping[str, Any]
    context: Mapping[str, Any]
    task: Mapping[str, Any]
    is_judged: bool
    data_classes: Sequence[str]
    budget: Mapping[str, int]
    deadline: str
    start_to_close: str
    max_attempts: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it: the output, and the receipt over it, which nobody has verified yet."""

    output: Mapping[str, Any]
    body: Mapping[str, Any]
    signature: str


class TransportError(Exception):
    """The other domain was not reached, so nobody knows whether it got the message."""


class Transport(Protocol):
    """Carries messages to another domain. No method is called inside a transaction."""

    def submit(self, message: Message) -> Answer | None:
        """Ask for the work, or for its answer if it was asked for; None while it is under way.

        The same id never starts the work twice: where the other side cannot promise that, the
        transport looks for the id there before it sends. Raises Refusal when the other domain
        refuses, and then nothing happened there, or TransportError.
        """

    def recall(self, message_id: str, *, reason: str) -> bool:
        """Ask the other domain to stop; say whether it did. Best effort, raises TransportError."""
