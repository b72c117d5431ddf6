"""What a block of a run shows of itself, by its pattern."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orchestrator.patterns.base import History
from orchestrator.selectors.blocks import Blocks
from orchestrator.views.blocks import branches, ledgers, thread, trail

Names = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ShownBlock:
    """One block: the word for its pattern, and the view that the template of it draws."""

    pattern: str | Promise
    icon: str
    template: str
    view: Any


@dataclass(frozen=True, slots=True)
class _Kind:
    label: str | Promise
    icon: str
    shown: Callable[[History, Names], Any] | None = None


_KINDS = {
    # A step for which others are asked first: who does it is decided among peers.
    "": _Kind(_("Offered to peers"), "megaphone"),
    "sequential": _Kind(_("One after the other"), "list-ordered"),
    "concurrent": _Kind(_("At the same time"), "split", branches.shown),
    "group_chat": _Kind(_("Group chat"), "messages-square", thread.shown),
    "handoff": _Kind(_("Handoff"), "arrow-right-left", trail.shown),
    "magentic": _Kind(_("Plan and ledgers"), "clipboard-list", ledgers.shown),
}


def shown(blocks: Blocks) -> Mapping[str, ShownBlock]:
    """Return what every block that began shows, by its place."""
    return {
        place: _shown(node.pattern, history, blocks.names)
        for place, (node, history) in blocks.by_place.items()
    }


def _shown(pattern: str, history: History, names: Names) -> ShownBlock:
    kind = _KINDS[pattern]
    view = kind.shown(history, names) if kind.shown else None
    template = f"orchestrator/blocks/{pattern}.html" if view else ""
    return ShownBlock(kind.label, kind.icon, template, view)
