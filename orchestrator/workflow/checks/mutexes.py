"""Mutexes of a file: whoever holds one and waits for another does so in the same order."""

from collections.abc import Iterator, Sequence

from orchestrator.workflow.nodes import Node
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.source import Source


def mutexes_keep_one_order(source: Source, every: Sequence[Node]) -> Iterator[Problem]:
    """Yield every mutex that is waited for while another is held, which elsewhere is reversed.

    What one step needs is taken in sorted order, so only a block around it can hold one before.
    """
    taken: dict[tuple[str, str], str] = {}
    for node in every:
        for number, key in enumerate(node.plain.get("mutex", ())):
            for held in _held_around(node, every):
                taken.setdefault((held, key), node.plain["id"])
                if held != key and (key, held) in taken:
                    other = taken[key, held]
                    message = (
                        f"{key!r} is waited for while {held!r} is held; {other!r} reverses that"
                    )
                    yield source.problem((*node.place, "mutex", number), message)


def _held_around(node: Node, every: Sequence[Node]) -> list[str]:
    around = [n for n in every if n is not node and node.place[: len(n.place)] == n.place]
    return [key for outer in around for key in outer.plain.get("mutex", ())]
