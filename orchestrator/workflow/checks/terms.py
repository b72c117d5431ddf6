"""The terms on which peers bid: each of them must be able to bind somebody."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.patterns.announcers import leader_of
from orchestrator.workflow.blocks import fields_of
from orchestrator.workflow.nodes import Node
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.source import Source

_PLACE = ("topology", "decentralized")


def bidding_can_be_bound(source: Source, _every: Sequence[Node]) -> Iterator[Problem]:
    """Yield a cap that no crew reaches, and a quorum where nobody votes."""
    terms, agents = _terms_of(source), source.value["agents"].values()
    largest = max((len(agent.get("peers", ())) for agent in agents), default=0)
    if terms.get("max_bids", 0) > largest:
        message = f"max_bids is {terms['max_bids']}, and no crew has more than {largest} peers"
        yield source.problem((*_PLACE, "max_bids"), message)
    if "quorum_percent" in terms and terms["award"] != "vote":
        message = f"quorum_percent is of votes, and the award is {terms['award']!r}"
        yield source.problem((*_PLACE, "quorum_percent"), message)


def crews_outlast_their_leader(source: Source, node: Node) -> Iterator[Problem]:
    """Yield a block whose leader would be left to bid alone for the work that it announces."""
    agents, leader = source.value["agents"], leader_of(node.pattern, node.plain)
    if not leader or not _terms_of(source).get("no_self_award"):
        return
    for crew in sorted(fields_of(node.pattern).agents_named(node.plain) - {leader}):
        peers = agents.get(crew, {}).get("peers", ())
        if peers and all(_slug(agents, peer) == _slug(agents, leader) for peer in peers):
            message = f"nobody of {crew!r} may win what {leader!r} announces: no_self_award"
            yield source.problem(node.place, message)


def _terms_of(source: Source) -> Mapping[str, Any]:
    topology = source.value.get("topology", "")
    return topology.get("decentralized", {}) if isinstance(topology, Mapping) else {}


def _slug(agents: Mapping[str, Any], alias: str) -> str:
    """Return which registered agent an alias means, whatever its version."""
    return str(agents.get(alias, {}).get("ref", alias)).partition("@")[0]
