"""The one interface of every pattern: `decide(history) -> Move`. Pure, so it replays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step of the workflow file, as a pattern sees it."""

    path: str
    agent: str
    needs: Sequence[str] = ()
    on_reject: str = "stop"
    on_failure: str = "escalate"


@dataclass(frozen=True, slots=True)
class PastStep:
    """What became of a step that exists. `state` is a StepState value."""

    path: str
    iteration: int
    state: str
    output: Mapping[str, Any] = field(default_factory=dict)
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """Everything a decision may depend on: the plan, and what happened, in order."""

    plan: Sequence[PlannedStep]
    past: Sequence[PastStep] = ()


@dataclass(frozen=True, slots=True)
class Start:
    """Make these steps ready: `(path, iteration)`."""

    steps: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until a step that is under way moves. `reason` names a step state."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The run ends, or needs a person: `state` is a RunState value. `cause` is a step path."""

    state: str
    cause: str = ""
    error_code: str = ""


Move = Start | Wait | Finish


class Pattern(Protocol):
    """Decides the next move of a run. Never calls an agent, never reads a clock."""

    name: str

    def decide(self, history: History) -> Move:
        """Return what happens next; equal histories give equal moves."""
