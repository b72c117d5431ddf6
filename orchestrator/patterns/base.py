"""The one interface of every pattern: `decide(history) -> Move`. Pure, so it replays.

A node of the file is a leaf, which an agent does, or a block with a pattern of its own. A block
is decided by its pattern over its own children only, whose paths are relative to the block.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Kind = Literal["turn", "approval", "block", "bid", "ack", "timer"]
Decider = Literal["rule", "model", "human"]


@dataclass(frozen=True, slots=True)
class Jump:
    """Where a sequence goes on again, and how often at most."""

    to: str
    max: int


@dataclass(frozen=True, slots=True)
class CheckpointRule:
    """What must hold of a step's output before the run goes on, and what happens if not."""

    require: str
    message: str
    route: str


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A node of the file, as a pattern sees it. `plan` are a block's declared children.

    `jumps` says where to go back to when the step comes out `rejected` or `failed`, and
    `when_skipped` whether it is skipped with a step that it needs. `checkpoint` is what must hold
    of a block's output; a step's own is judged with what its agent attached. `budget` is what a
    block may use in all, by unit.
    """

    path: str
    agent: str = ""
    needs: Sequence[str] = ()
    on_reject: str = "stop"
    on_failure: str = "escalate"
    on_timeout: str = ""
    pattern: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    plan: Sequence["PlannedStep"] = ()
    when: str = ""
    when_skipped: str = "run"
    jumps: Mapping[str, Jump] = field(default_factory=dict)
    checkpoint: Sequence[CheckpointRule] = ()
    budget: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PastStep:
    """What became of a child. `state` is a StepState value, `task` what it was asked.

    `order` is the rank in which it ended within the run, 0 while it has not.
    """

    path: str
    iteration: int
    state: str
    output: Mapping[str, Any] = field(default_factory=dict)
    error_code: str = ""
    agent: str = ""
    kind: Kind = "turn"
    task: Mapping[str, Any] = field(default_factory=dict)
    order: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """Everything a decision may depend on: the plan, and what happened, in order.

    `options` are the block's own fields of the file. `scope` is what its expressions may read
    (`inputs`, `steps`), fixed before the block began. `spent` counts micro_usd, tokens, turns.
    `absent` are the aliases of voters that are out of service now.
    """

    plan: Sequence[PlannedStep]
    past: Sequence[PastStep] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    spent: Mapping[str, int] = field(default_factory=dict)
    absent: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """Make a child ready: a turn of an agent, or people asked by a gate (`approval`).

    A `timer` does nothing but succeed once `task["after"]`, a duration such as 30m, has passed:
    so time reaches a pattern as one more thing that happened, with its rank among the others.

    An empty `agent` means the planned step's own, or whom the topology chooses of `candidates`.
    `task` is given to it beside its inputs; `task["answer"]` is the JSON Schema of the answer.
    """

    path: str
    iteration: int = 0
    agent: str = ""
    candidates: Sequence[str] = ()
    kind: Kind = "turn"
    task: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """A decision worth an event, written in the transaction that makes the move it explains."""

    type: str
    decider: Decider
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start:
    """Make these children ready and end those that lost, `(path, iteration)`."""

    steps: Sequence[Ask]
    cancel: Sequence[tuple[str, int]] = ()
    notes: Sequence[Note] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until a step that is under way moves. `reason` names a step state."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The block or run ends, or needs a person. `cause` is the path of the child to blame.

    `state` is one of succeeded, failed, rejected, escalated, timed_out; `output` is what the
    steps after it see. Reaching a limit is never success.
    """

    state: str
    cause: str = ""
    error_code: str = ""
    detail: str = ""
    output: Mapping[str, Any] = field(default_factory=dict)
    cancel: Sequence[tuple[str, int]] = ()
    notes: Sequence[Note] = ()


Move = Start | Wait | Finish


class Pattern(Protocol):
    """Decides the next move of a run or block. Never calls an agent, never reads a clock."""

    name: str

    def decide(self, history: History) -> Move:
        """Return what happens next; equal histories give equal moves."""
