"""The nodes of a file one by one, each with what stands around it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.workflow.source import Place, Source
from orchestrator.workflow.step_plans import children_of

Plain = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `visible` are the steps that have run when it begins, in its order and outside.

    `earlier` are those of them that stand before it in its own sequence, `siblings` all steps of
    that sequence; a branch has neither. `given` are the names that foreach blocks give it.
    """

    place: Place
    plain: Plain
    visible: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    is_branch: bool = False

    @property
    def pattern(self) -> str:
        """Return the pattern of a block, nothing for a step."""
        return str(self.plain.get("pattern", ""))


def nodes(source: Source) -> Iterator[Node]:
    """Yield every node of a file whose shape is right, outer ones first."""
    yield from _sequence(("steps",), source.value["steps"], Node((), {}))


def _sequence(place: Place, steps: Sequence[Plain], outer: Node) -> Iterator[Node]:
    siblings = tuple(str(step["id"]) for step in steps)
    for number, step in enumerate(steps):
        earlier = siblings[:number]
        yield from _inner(
            replace(
                outer,
                place=(*place, number),
                plain=step,
                visible=(*outer.visible, *earlier),
                earlier=earlier,
                siblings=siblings,
                is_branch=False,
            )
        )


def _inner(node: Node) -> Iterator[Node]:
    yield node
    plain, place = node.plain, node.place
    if "steps" in plain:
        yield from _sequence((*place, "steps"), plain["steps"], node)
        return
    alone = replace(node, earlier=(), siblings=(), is_branch=True)
    given = (*node.given, plain["foreach"]["as"]) if "do" in plain else node.given
    where: Place = (*place,) if "do" in plain else (*place, "branches")
    for branch in children_of(plain):
        yield from _inner(replace(alone, place=(*where, branch["id"]), plain=branch, given=given))
