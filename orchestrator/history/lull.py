"""What plainly changes nothing about a run that waits, so that it is not decided all over again.

A fan whose branches have all been started waits until its join is decided. Each branch that
succeeds before that is counted here, in the same way whether the engine or a replay asks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.patterns.base import PastStep
from orchestrator.patterns.concurrent.quiet import Quiet, quiet_of
from orchestrator.patterns.tree import histories
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.planning import plan_of


@dataclass(slots=True)
class Lull:
    """A run of which everything was decided that `past` lets be decided."""

    definition: Definition
    past: Iterable[PastStep]
    scope: Mapping[str, Any]
    _blocks: dict[str, Quiet | None] | None = field(default=None)

    def absorbs(self, step: PastStep) -> bool:
        """Whether nothing follows from the end of this step; once it is False, decide anew."""
        block, _, name = step.path.rpartition("/")
        is_plain = step.kind == "turn" and step.state == "succeeded" and not step.iteration
        if not block or not is_plain or not self._is_simple:
            return False
        quiet = self._quiet(block)
        return quiet is not None and quiet.absorbs(name, step)

    @property
    def _is_simple(self) -> bool:
        """Whether nothing but the ends of steps is looked at: no bids, no budget of a block."""
        return self.definition.topology == "centralized" and not self.definition.limits_blocks

    def _quiet(self, block: str) -> Quiet | None:
        if self._blocks is None:
            past = list(self.past)
            if any(step.state == "awaiting_budget" for step in past):
                # Whatever ends may leave them what they wait for.
                past = []
            found = histories(plan_of(self.definition), past, self.scope)
            self._blocks = {
                place: quiet_of(history) if node.pattern == "concurrent" else None
                for place, (node, history) in found.items()
            }
        return self._blocks.get(block)
