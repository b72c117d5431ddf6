"""The one interface of every topology, the axis that is orthogonal to patterns. Pure."""

from typing import Protocol

from orchestrator.patterns.base import History, PlannedStep


class Topology(Protocol):
    """Says who does a step, managers' steps included; never starts or calls anybody."""

    name: str

    def assign(self, step: PlannedStep, history: History) -> str:
        """Return the alias of the agent that does `step`; equal histories give equal agents."""
