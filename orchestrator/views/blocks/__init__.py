"""What a block of a run shows of itself, by its pattern."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.patterns.base import History
from orchestrator.selectors.blocks import Blocks
from orchestrator.views.blocks import bidding, branches, ledgers, thread, trail

Names = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ShownBlock:
    """One block: its pattern, empty for a step offered to peers, and what its template draws."""

    pattern: str
    template: str
    view: Any

    @property
    def tells_all(self) -> bool:
        """Whether what is drawn has all that the block came to; bids do not tell of the work."""
        return bool(self.template and self.pattern)


_VIEWS: Mapping[str, Callable[[History, Names], Any]] = {
    "concurrent": branches.shown,
    "group_chat": thread.shown,
    "handoff": trail.shown,
    "magentic": ledgers.shown,
}


def shown(blocks: Blocks) -> Mapping[str, ShownBlock]:
    """Return what every block that began shows, by its place."""
    every = {
        place: _shown(node.pattern, history, blocks.names)
        for place, (node, history) in blocks.by_place.items()
    }
    return every | {
        place: ShownBlock("", "orchestrator/blocks/bidding.html", bidding.shown(one, blocks.names))
        for place, one in blocks.offered.items()
    }


def _shown(pattern: str, history: History, names: Names) -> ShownBlock:
    view = _VIEWS[pattern](history, names) if pattern in _VIEWS else None
    template = f"orchestrator/blocks/{pattern}.html" if view else ""
    return ShownBlock(pattern, template, view)
