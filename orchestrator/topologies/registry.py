"""The topologies there are, by the name a workflow file uses."""

from collections.abc import Mapping

from orchestrator.topologies.base import Topology
from orchestrator.topologies.centralized import Centralized
from orchestrator.topologies.decentralized import Decentralized
from orchestrator.topologies.federated import Federated

_TOPOLOGIES: Mapping[str, Topology] = {
    topology.name: topology for topology in (Centralized(), Decentralized(), Federated())
}


def topology_named(name: str) -> Topology:
    """Return the topology; raises LookupError for a name nobody implements."""
    return _TOPOLOGIES[name]
