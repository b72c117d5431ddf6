"""What the patterns say about the fields of their blocks in a file."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from orchestrator.patterns.concurrent import checks as concurrent
from orchestrator.patterns.group_chat import checks as group_chat
from orchestrator.patterns.group_chat import rules as group_chat_rules
from orchestrator.patterns.handoff import checks as handoff
from orchestrator.patterns.handoff import rules as handoff_rules
from orchestrator.patterns.magentic import checks as magentic
from orchestrator.patterns.magentic import rules as magentic_rules
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.source import Place
from orchestrator.workflow.step_plans import StepPlan

Options = Mapping[str, Any]
Found = Iterator[tuple[Place, str]]
Expressions = Iterator[tuple[Place, str, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Fields:
    """How one pattern's fields are read: what is wrong, which CEL they hold, whom they ask."""

    problems: Callable[[Options], Found]
    expressions: Callable[[Options], Expressions]
    agents_named: Callable[[Options], frozenset[str]]


_PLAIN = Fields(lambda _: iter(()), lambda _: iter(()), lambda _: frozenset())
_FIELDS: Mapping[str, Fields] = {
    "concurrent": Fields(concurrent.problems, concurrent.expressions, concurrent.agents_named),
    "group_chat": Fields(
        group_chat.problems, group_chat.expressions, group_chat_rules.agents_named
    ),
    "handoff": Fields(handoff.problems, handoff.expressions, handoff_rules.agents_named),
    "magentic": Fields(magentic.problems, magentic.expressions, magentic_rules.agents_named),
}


def agents_in(step: StepPlan) -> frozenset[str]:
    """Return the aliases of everybody a step or a block may ask, with what is in it."""
    if not step.pattern:
        return frozenset({step.agent})
    inner = (agents_in(child) for child in step.steps)
    return fields_of(step.pattern).agents_named(step.options).union(*inner)


@lru_cache(maxsize=128)
def voters_of(definition: Definition) -> frozenset[str]:
    """Return the aliases of everybody who may have to vote in a chat of the file."""
    return frozenset().union(*map(_voters_in, definition.steps))


def _voters_in(step: StepPlan) -> frozenset[str]:
    own = group_chat_rules.voters(step.options) if step.pattern == "group_chat" else frozenset()
    return own.union(*map(_voters_in, step.steps))


def spared(definition: Definition, active: Collection[str]) -> frozenset[str]:
    """Return the aliases that need not be at work: only peers, each with one beside it that is."""
    crews = definition.peers.values()
    peers = {peer for crew in crews for peer in crew}
    alone = {peer for crew in crews if not set(crew) & set(active) for peer in crew}
    named = frozenset().union(*map(agents_in, definition.steps))
    return frozenset(peers - alone - named)


def fields_of(pattern: str) -> Fields:
    """Return how the fields of a block are read; a sequence has none of its own."""
    return _FIELDS.get(pattern, _PLAIN)
