"""One step after another, in the order of the file (engine.md 3.1)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
from orchestrator.patterns.states import PASSED

_ENDS = {
    "failed": "failed",
    "rejected": "rejected",
    "escalated": "escalated",
    "timed_out": "failed",
    "cancelled": "failed",
}


class Sequential:
    """Starts a step only when every step before it passed; ends at the first that did not.

    A step that went wrong may send the sequence back to an earlier one, a declared number of
    times; everything from there is done again, each step as a new iteration. The output is that
    of the last step that succeeded.
    """

    name = "sequential"

    def decide(self, history: History) -> Move:
        """Return what happens next; equal histories give equal moves."""
        walk = _Walk(history.plan, {(past.path, past.iteration): past for past in history.past})
        while walk.place < len(history.plan):
            step = history.plan[walk.place]
            past = walk.past(step)
            if past is None or past.state == "blocked":
                return Start([Ask(step.path, walk.visits[step.path], task=walk.task)])
            if not walk.goes_on(step, past):
                return _stopped_at(step, past)
        return Finish("succeeded", output=walk.output)


@dataclass(slots=True)
class _Walk:
    """A second walk over the plan, along what happened: its nth visit meets iteration n."""

    plan: Sequence[PlannedStep]
    met: Mapping[tuple[str, int], PastStep]
    place: int = 0
    visits: Counter[str] = field(default_factory=Counter)
    jumps: Counter[tuple[str, str]] = field(default_factory=Counter)
    task: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)

    def past(self, step: PlannedStep) -> PastStep | None:
        """Return what became of the step on this visit."""
        return self.met.get((step.path, self.visits[step.path]))

    def goes_on(self, step: PlannedStep, past: PastStep) -> bool:
        """Go on after a step that passed, or back after one that did not; say whether it did."""
        if past.state in PASSED or _is_forgiven(step, past):
            self.output = past.output if past.state == "succeeded" else self.output
            self.place, self.task = self.place + 1, {}
        elif not self._jumps(step, past):
            return False
        self.visits[step.path] += 1
        return True

    def _jumps(self, step: PlannedStep, past: PastStep) -> bool:
        """Go back if the step went wrong and may be done over once more; tell the first why."""
        how = _as_declared(step, past)
        jump = step.jumps.get(how)
        if jump is None or self.jumps[step.path, how] >= jump.max:
            return False
        self.jumps[step.path, how] += 1
        self.place = [planned.path for planned in self.plan[: self.place + 1]].index(jump.to)
        why = {"step": past.path, "state": past.state, "error_code": past.error_code}
        self.task = {"again": {**why, "time": self.jumps[step.path, how], "max": jump.max}}
        return True


def _as_declared(step: PlannedStep, past: PastStep) -> str:
    """Return how the step went wrong; a timeout of which nothing is said is a failure."""
    return "failed" if past.state == "timed_out" and not step.on_timeout else past.state


def _is_forgiven(step: PlannedStep, past: PastStep) -> bool:
    chosen = {"failed": step.on_failure, "timed_out": step.on_timeout}
    return chosen.get(_as_declared(step, past)) == "continue"


def _stopped_at(step: PlannedStep, past: PastStep) -> Move:
    if past.state in _ENDS:
        return Finish(_ENDS[past.state], cause=step.path, error_code=past.error_code)
    return Wait(past.state)
