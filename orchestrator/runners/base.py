"""What a runner is given and what it gives back. Plugins need not import this module."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

# How many calls of an agent that goes on may be refused in a step before a person is asked, where
# its configuration names no other number, and the most that it may name.
REFUSALS, MOST_REFUSALS = 3, 5


@dataclass(frozen=True, slots=True)
class AgentRequest:
    """One turn of one agent.

    `context` is what the step's selector grants: run inputs and outputs of predecessors, and the
    `note` of a person who let the step begin again. `task` is what the block's pattern asks of
    this turn; `task["answer"]`, if it is there, is the JSON Schema that the output must fit.
    `deadline` bounds the whole turn. `idempotency_key` is the same for every attempt. `paths` are
    those of the run's inputs that name a place on this machine, which the agent is to look at.

    `tools` are those the agent's configuration names, for a model to choose from. An agent that
    left a `conversation` with its last turn finds it here, with what its tool answered since:
    `outcome` is the response of the effect, and data from outside; or `refusal`, the `code` and
    `detail` of why there was none; ours are its words, but for `fact_unavailable`, where a tool
    speaks. A runner whose agents may answer later is given
    the `callback` for that, and finds in `answer` what came by it. `room` says how many tokens a
    model may answer with after a question of at most so many, for what the turn holds of budgets.
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
    tools: Sequence["OfferedTool"] = ()
    conversation: Mapping[str, Any] | None = None
    outcome: Mapping[str, Any] | None = None
    refusal: Mapping[str, Any] | None = None
    callback: "Callback | None" = None
    answer: Mapping[str, Any] | None = None
    room: Callable[[int], int] | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """Where an agent may answer later, once, with its token as the bearer's."""

    url: str
    token: str


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A registered tool that an agent may propose actions of; `schema` is of its arguments."""

    slug: str
    description: str
    schema: Mapping[str, Any]


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
    """How a turn ended: an output, or an action proposed. Failure is an AgentFailedError.

    A `conversation` beside a proposal asks for another turn once the action is done or refused:
    the step keeps it, as JSON, and does not end with the action. `usage` says what the turn cost:
    `input_tokens`, `output_tokens` and `tool_calls` as numbers, `model` as text. With `awaits`
    the agent has taken the work and answers at the callback, within that time.
    """

    output: Mapping[str, Any] = field(default_factory=dict)
    exhibits: Sequence[FoundExhibit] = ()
    proposals: Sequence[Proposal] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)
    conversation: Mapping[str, Any] | None = None
    awaits: timedelta | None = None


class AgentFailedError(Exception):
    """The turn failed. `retryable` says whether another attempt could succeed.

    `retry_after` is how long the other side asked to be left alone; `usage` is what the turn cost
    all the same.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        retryable: bool,
        retry_after: timedelta = timedelta(),
        usage: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retryable = retryable
        self.retry_after = retry_after
        self.usage = usage or {}


class TurnLostError(Exception):
    """The worker's claim on the step is gone; whatever the turn produced must be dropped."""


Heartbeat = Callable[[], None]


@runtime_checkable
class Runner(Protocol):
    """Makes an agent work. Chosen by `Agent.runner`; plugins: entry points countersign.runners.

    One whose agents may answer later has `answers_later = True` beside its name.
    """

    name: str
    version: str

    def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
        """Take one turn, calling `heartbeat` at least every few seconds.

        `heartbeat` raises TurnLostError when the claim is lost; the runner must then stop what
        it started and let the error pass. Raises AgentFailedError.
        """
