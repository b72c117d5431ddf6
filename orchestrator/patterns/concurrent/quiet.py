"""Branches that are all under way: which of them may succeed without anything following."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.patterns.base import History, PastStep
from orchestrator.patterns.children import misfit
from orchestrator.patterns.concurrent.branches import ExpansionError
from orchestrator.patterns.concurrent.fan import AGGREGATE, fan_of
from orchestrator.patterns.concurrent.joins import verdict_of
from orchestrator.patterns.concurrent.reducers import answer_schema
from orchestrator.patterns.states import FINAL

_AT_WORK = frozenset({"ready", "running"})


@dataclass(slots=True)
class Quiet:
    """A fan with nothing left to start and its join open. `spare` successes decide nothing yet.

    `at_work` are the branches that somebody works on or is rung for: one of them has to be left,
    or the run waits for something else.
    """

    at_work: set[str]
    open: int
    spare: int
    schema: Mapping[str, Any]

    def absorbs(self, name: str, child: PastStep) -> bool:
        """Count a branch that succeeded, and say whether the fan still only waits."""
        is_last = self.open <= 1 or self.spare <= 0 or self.at_work <= {name}
        if is_last or name not in self.at_work:
            return False
        if "required" in self.schema and misfit(child.output, self.schema):
            return False
        self.at_work.remove(name)
        self.open, self.spare = self.open - 1, self.spare - 1
        return True


def quiet_of(history: History) -> Quiet | None:
    """Return the fan if all it does is wait for branches; None if there is more to decide."""
    try:
        fan = fan_of(history)
    except ExpansionError:
        return None
    decided = verdict_of(fan.join, len(fan.branches), fan.ended())
    if decided is not None or fan.unstarted() or AGGREGATE in fan.children:
        return None
    children = [fan.children[path] for path in fan.paths]
    left = [child for child in children if child.state not in FINAL]
    won = sum(child.state == "succeeded" for child in children)
    need = len(children) if fan.join.need is None or not fan.join.is_eager else fan.join.need
    return Quiet(
        at_work={child.path for child in left if child.state in _AT_WORK and child.kind == "turn"},
        open=len(left),
        spare=need - won - 1,
        schema=answer_schema(fan.aggregate),
    )
