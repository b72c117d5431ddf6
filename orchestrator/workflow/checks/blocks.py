"""What must hold of a block beside its own pattern's rules: agents, time, limits of the file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.workflow.blocks import fields_of
from orchestrator.workflow.nodes import Node
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.source import Place, Source

# The limits of a file, and the fields of blocks that they bound.
_BOUNDED: Sequence[tuple[str, Place]] = (
    ("max_rounds", ("terminate", "max_rounds")),
    ("max_rounds", ("limits", "max_rounds")),
    ("max_parallel", ("max_parallel",)),
)


def pattern_holds_together(source: Source, node: Node) -> Iterator[Problem]:
    """Yield what the block's own pattern finds wrong: names, numbers, edges without an end."""
    for place, message in fields_of(node.pattern).problems(node.plain):
        yield source.problem((*node.place, *place), message)


def agents_are_known(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every agent that a block asks and the file does not name."""
    named = fields_of(node.pattern).agents_named(node.plain)
    for alias in sorted(named - set(source.value["agents"])):
        place = (*node.place, *_place_of(alias, node.plain))
        yield source.problem(place, f"unknown agent {alias!r}")


def turns_end(source: Source, node: Node) -> Iterator[Problem]:
    """Yield a block that asks agents and does not say how long a turn may take."""
    if fields_of(node.pattern).agents_named(node.plain) and "timeouts" not in node.plain:
        message = "'timeouts' is missing: the block asks agents, and a turn must end"
        yield source.problem(node.place, message)


def limits_are_kept(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every number of a block that is above the limit of the file."""
    for name, place in _BOUNDED:
        most, chosen = source.value["limits"].get(name), _at(node.plain, place)
        if most is not None and chosen is not None and chosen > most:
            message = f"{'.'.join(map(str, place))} is {chosen}; limits.{name} allows {most}"
            yield source.problem((*node.place, *place), message)


def _at(plain: Any, place: Place) -> Any:
    for part in place:
        plain = plain.get(part) if isinstance(plain, Mapping) else None
    return plain


def _place_of(alias: str, value: Any) -> Place:
    """Return where a block first says `alias`, as a key or as a text; nowhere is its own line."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    for key, part in pairs:
        if alias in (key, part):
            return (key,)
        if isinstance(part, Mapping | list) and (found := _place_of(alias, part)):
            return (key, *found)
    return ()
