"""A step that others had to be asked about first: who does it is found out, and then it is done.

The step is a block then. Its children are whatever its topology asks for, and the turn at last.
"""

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.patterns.base import (
    Ask,
    Finish,
    History,
    Move,
    PastStep,
    PlannedStep,
    Start,
    Wait,
)
from orchestrator.patterns.changes import Key
from orchestrator.patterns.children import children
from orchestrator.patterns.states import FINAL

TURN = "turn"
# Its agent was taken out of service after all; that says nothing about the others.
GONE = "agent_not_active"

Assign = Callable[[PlannedStep, History], str | Move]


def as_named(step: PlannedStep, _history: History) -> str:
    """Assign a step to whom its pattern or the file names."""
    return step.agent


@dataclass(frozen=True, slots=True)
class Placing:
    """Lets the topology ask around until it names an agent, whose turn the step then is."""

    step: PlannedStep
    assign: Assign

    def decide(self, history: History) -> Move:
        """Return what happens next; equal histories give equal moves."""
        turns = children(history, TURN)
        if turns and not was_lost(turns[-1]):
            return _as_turn(turns[-1], history)
        answer = self.assign(self.step, history)
        if not isinstance(answer, str):
            return answer
        turn = Ask(TURN, len(turns), agent=answer, task=self.step.options)
        return Start([turn], cancel=left_over(history))


def was_lost(turn: PastStep) -> bool:
    """Whether a turn failed only because its agent is out of service."""
    return (turn.state, turn.error_code) == ("failed", GONE)


def left_over(history: History) -> list[Key]:
    """Return the children that nobody waits for any more."""
    return sorted((c.path, c.iteration) for c in history.past if c.state not in FINAL)


def _as_turn(turn: PastStep, history: History) -> Wait | Finish:
    if turn.state == "escalated":
        return Finish("escalated", TURN, turn.error_code)
    if turn.state not in FINAL:
        return Wait(turn.state)
    blamed = "" if turn.state in {"succeeded", "skipped"} else TURN
    rest = left_over(history)
    return Finish(turn.state, blamed, turn.error_code, output=turn.output, cancel=rest)
