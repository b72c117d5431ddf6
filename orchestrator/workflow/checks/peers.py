"""Aliases that mean whoever of several agents gets the work, and the topology that awards it."""

from collections.abc import Iterator, Sequence

from orchestrator.workflow.nodes import Node
from orchestrator.workflow.planning import BOARD
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.source import Source

_DECENTRALIZED = "decentralized"


def peers_can_bid(source: Source, _every: Sequence[Node]) -> Iterator[Problem]:
    """Yield aliases whose peers nobody could ask, or that nobody would."""
    agents = source.value["agents"]
    crews = {alias: agent for alias, agent in agents.items() if "peers" in agent}
    is_decentralized = _DECENTRALIZED in source.value.get("topology", "")
    for alias, agent in crews.items():
        place = ("agents", alias)
        if "ref" in agent:
            yield source.problem(place, f"agent {alias!r} has a ref or peers, not both")
        if not is_decentralized:
            message = f"the peers of {alias!r} bid only where the topology is decentralized"
            yield source.problem(place, message)
        for number, peer in enumerate(agent["peers"]):
            if peer not in agents or peer in crews:
                message = f"peer {peer!r} is no alias of a registered agent"
                yield source.problem((*place, "peers", number), message)
    if is_decentralized and not crews:
        message = "nobody bids: no agent of the file has peers"
        yield source.problem(("topology",), message)


def board_is_kept(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every context that selects the blackboard of runs that have none."""
    context = node.plain.get("context", ())
    is_decentralized = _DECENTRALIZED in source.value.get("topology", "")
    for number, name in enumerate(context if isinstance(context, list) else ()):
        if name.startswith(BOARD) and not is_decentralized:
            message = f"context names {name!r}, but only peers have a blackboard"
            yield source.problem((*node.place, "context", number), message)
