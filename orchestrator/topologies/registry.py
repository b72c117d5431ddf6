"""The topologies there are, by the name a workflow file uses."""

from collections.abc import Mapping

from orchestrator.topologies.base import Topology
from orchestrator.topologies.centralized import Centralized
from orchestrator.topologies.decentralized import Decentralized

_TOPOLOGIES: Mapping[str, Topology] = {
    topology.name: topology for topology in (Centralized(), Decentralized())
}


def topology_named(name: str) -> Topology:
    """Return the topology; raises LookupError for a name nobody implements."""
    return _TOPOLOGIES[name]
