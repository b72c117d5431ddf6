"""The steps of a run with everything that belongs to each of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.selectors.approvals import Approval
from orchestrator.selectors.run_view import EffectRow, ExhibitRow, RunView, StepRow
from orchestrator.views.showing import Output, output_of

QUIET = frozenset({"blocked", "succeeded", "skipped", "cancelled"})


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step: its tries, its output, what it attached, what it asked for, what it did.

    `error` is the cause when it went wrong; `seconds` is None until it has started.
    """

    row: StepRow
    error: str
    output: Output | None
    exhibits: Sequence[ExhibitRow]
    approvals: Sequence[Approval]
    effects: Sequence[EffectRow]
    checkpoints: Sequence[str]
    seconds: float | None

    @property
    def stands_out(self) -> bool:
        """Return whether the step is what the reader came for: at work, waiting or gone wrong."""
        return self.row.state not in QUIET

    @property
    def findings(self) -> int:
        """Return how many findings its output holds."""
        return len(self.output.findings) if self.output else 0

    @property
    def retried(self) -> bool:
        """Return whether more happened than one good turn and one execution."""
        kinds = [attempt.kind for attempt in self.row.attempts]
        return len(kinds) > len(set(kinds))


def shown(
    run: RunView, approvals: Sequence[Approval], checkpoints: Mapping[str, Sequence[str]]
) -> tuple[ShownStep, ...]:
    """Return the steps in the order of the workflow."""
    return tuple(_shown(run, approvals, checkpoints))


def _shown(
    run: RunView, approvals: Sequence[Approval], checkpoints: Mapping[str, Sequence[str]]
) -> Iterator[ShownStep]:
    for step in run.steps:
        yield ShownStep(
            row=step,
            error=step.error_detail or step.error_code,
            output=output_of(step.output),
            exhibits=[e for e in run.exhibits if e.step_path == step.path],
            approvals=[a for a in approvals if a.step_path == step.path],
            effects=[e for e in run.effects if e.step_path == step.path],
            checkpoints=checkpoints.get(step.path, ()),
            seconds=_seconds(step),
        )


def _seconds(step: StepRow) -> float | None:
    if step.started_at is None or step.finished_at is None:
        return None
    return (step.finished_at - step.started_at).total_seconds()
