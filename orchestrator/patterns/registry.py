"""The patterns there are, by the name a workflow file uses."""

from collections.abc import Mapping

from orchestrator.patterns.base import Pattern
from orchestrator.patterns.concurrent.pattern import Concurrent
from orchestrator.patterns.group_chat.pattern import GroupChat
from orchestrator.patterns.handoff.pattern import Handoff
from orchestrator.patterns.magentic.pattern import Magentic
from orchestrator.patterns.sequential import Sequential

_PATTERNS: Mapping[str, Pattern] = {
    pattern.name: pattern
    for pattern in (Sequential(), Concurrent(), GroupChat(), Handoff(), Magentic())
}


def pattern_named(name: str) -> Pattern:
    """Return the pattern; raises LookupError for a name nobody implements."""
    return _PATTERNS[name]
