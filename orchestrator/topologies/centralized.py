"""One orchestrator says who does what: the agent that the file names (engine.md 4.1)."""

from orchestrator.patterns.base import History, PlannedStep


class Centralized:
    """Assigns every step to the agent its line in the file names."""

    name = "centralized"

    def assign(self, step: PlannedStep, history: History) -> str:
        """Return the alias in the file."""
        return step.agent
