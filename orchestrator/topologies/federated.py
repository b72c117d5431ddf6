"""A step may run in another domain: who does it is whom a contract binds (engine.md 4.3)."""

from orchestrator.patterns.base import History, PlannedStep


class Federated:
    """Assigns every step to the agent its line in the file names, of whichever domain it is.

    Whether a contract lets it is no question of who: it is asked when the step is claimed, and
    again when its answer is taken over.
    """

    name = "federated"

    def assign(self, step: PlannedStep, history: History) -> str:
        """Return the alias in the file."""
        return step.agent
