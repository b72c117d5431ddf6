"""What a fork takes over from the run it comes from: outputs as facts, and never a permission.

Approvals, warrants and effects stay with the run that had them; a fork asks for everything that
it wants to do, and undoes nothing that it did not do.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.types import Actor
from governance.models import Agent
from orchestrator.models import Run, StateEntry, Step, StepKind
from orchestrator.patterns.base import Kind
from orchestrator.services.history import ENGINE, tell_run, tell_step


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one step of the outermost sequence."""

    path: str
    state: str
    kind: Kind
    output: Mapping[str, Any]
    output_digest: str
    error_code: str
    alias: str
    agent: Agent | None


@dataclass(frozen=True, slots=True)
class Origin:
    """The run that a fork comes from, the step it begins at, and what it takes over."""

    run: Run
    at: str
    taken: Sequence[Taken]
    reason: str

    def fields(self) -> dict[str, Any]:
        """Return what the fork's row says of it."""
        return {
            "forked_from": self.run,
            "forked_at": self.at,
            "forked_because": self.reason,
        }

    def laid_out(self, rows: Sequence[Step]) -> None:
        """Let the first rows of a new run stand as the steps that are taken over ended."""
        by_path = {row.path: row for row in rows}
        for rank, taken in enumerate(self.taken, start=1):
            row = by_path[taken.path]
            row.kind, row.alias, row.agent = StepKind(taken.kind), taken.alias, taken.agent
            row.output, row.output_digest = dict(taken.output), taken.output_digest
            row.error_code, row.order = taken.error_code, rank


def tell(run: Run, actor: Actor) -> None:
    """Record where a fork comes from, and every fact that it begins with."""
    origin = str(run.forked_from_id)
    tell_run(run, "run.forked", actor, run=origin, step=run.forked_at, reason=run.forked_because)
    taken = list(run.steps.exclude(order=0).select_related("run").order_by("order"))
    for step in taken:
        tell_step(
            step,
            "step.taken_over",
            ENGINE,
            state=step.state,
            kind=step.kind,
            agent=step.alias,
            code=step.error_code,
            output=step.output,
            output_digest=step.output_digest,
            run=origin,
        )
    _copy_state(run, {step.path for step in taken})


def _copy_state(run: Run, paths: Collection[str]) -> None:
    names = ("value", "author", "trust", "classification", "step")
    for entry in StateEntry.objects.filter(run=run.forked_from_id).order_by("pk"):
        if entry.step.partition("/")[0].partition("#")[0] in paths:
            said = {name: getattr(entry, name) for name in names}
            StateEntry.objects.create(run=run, key=entry.key, **said)
            tell_run(run, "state.written", ENGINE, key=entry.key, **said)
