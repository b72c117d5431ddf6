"""The one interface of every topology, the axis that is orthogonal to patterns. Pure."""

from typing import Protocol

from orchestrator.patterns.base import History, Move, PlannedStep


class Topology(Protocol):
    """Says who does a step, managers' steps included; never starts or calls anybody."""

    name: str

    def assign(self, step: PlannedStep, history: History) -> str | Move:
        """Return the alias of the agent that does `step`; equal histories give equal answers.

        Where others have to be asked first it returns that move instead: Start (bids, a timer),
        Wait for them, or Finish when nobody can do it. Then the step becomes a place of its own
        in the run, `history.past` is what happened there, and `assign` is called again until it
        names somebody. `step.path` is the step's place in the run, `step.agent` whom its pattern
        asks for, `step.options` what is asked; `history.options` are the topology's own fields
        of the file, with `peers` by alias, in `who` which registered agent each alias means,
        whatever its version, and in `owners` whose it was when the run was taken in.
        """
