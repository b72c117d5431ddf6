"""What a runner is given and what it gives back. Plugins need not import this module."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class AgentRequest:
    """One turn of one agent.

    `context` is what the step's selector grants: run inputs and outputs of predecessors, and the
    `note` of a person who let the step begin again. `task` is what the block's pattern asks of
    this turn; `task["answer"]`, if it is there, is the JSON Schema that the output must fit.
    `deadline` bounds the whole turn. `idempotency_key` is the same for every attempt. `paths` are
    those of the run's inputs that name a place on this machine, which the agent is to look at.
    """

    run_id: str
    step_path: str
    agent_slug: str
    config: Mapping[str, Any]
    inputs: Mapping[str, Any]
    context: Mapping[str, Any]
    deadline: timedelta
    idempotency_key: str
    task: Mapping[str, Any] = field(default_factory=dict)
    paths: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FoundExhibit:
    """Something an agent attaches for reviewers."""

    name: str
    kind: str
    content: Mapping[str, Any]
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An action an agent wants done. It never does it itself."""

    tool: str
    arguments: Mapping[str, Any]
    rationale: str = ""


@dataclass(frozen=True, slots=True)
class AgentResult:
    """How a turn ended: an output, or actions proposed. Failure is an AgentFailedError."""

    output: Mapping[str, Any] = field(default_factory=dict)
    exhibits: Sequence[FoundExhibit] = ()
    proposals: Sequence[Proposal] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)


class AgentFailedError(Exception):
    """The turn failed. `retryable` says whether another attempt could succeed.

    `usage` is what the turn cost all the same.
    """

    usage: Mapping[str, Any] = {}

    def __init__(self, code: str, detail: str, *, retryable: bool) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retryable = retryable


class TurnLostError(Exception):
    """The worker's claim on the step is gone; whatever the turn produced must be dropped."""


Heartbeat = Callable[[], None]


@runtime_checkable
class Runner(Protocol):
    """Makes an agent work. Chosen by `Agent.runner`; plugins: entry points countersign.runners."""

    name: str
    version: str

    def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
        """Take one turn, calling `heartbeat` at least every few seconds.

        `heartbeat` raises TurnLostError when the claim is lost; the runner must then stop what
        it started and let the error pass. Raises AgentFailedError.
        """
