"""The steps of a run with everything that belongs to each of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from governance.selectors.gate_view import ExhibitView
from governance.views.exhibits import ShownExhibit
from governance.views.exhibits import shown as shown_exhibits
from orchestrator.selectors.approvals import Approval
from orchestrator.selectors.checkpoints import FAILED, HELD, Judgement
from orchestrator.selectors.run_view import EffectRow, ExhibitRow, RunView, StepRow
from orchestrator.views.showing import Output, output_of
from orchestrator.workflow.definition import CheckpointRule, Definition

QUIET = frozenset({"blocked", "succeeded", "skipped", "cancelled"})


@dataclass(frozen=True, slots=True)
class Related:
    """What belongs to the steps of a run besides their rows."""

    definition: Definition
    approvals: Sequence[Approval]
    judgements: Mapping[str, Judgement]
    findings: Mapping[str, Sequence[ExhibitView]]


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step: its tries, its output, what it attached, what it asked for, what it did.

    `error` is the cause when it went wrong; `seconds` is None until it has ended. `rules` are
    its checkpoint's, `judgement` what became of them.
    """

    row: StepRow
    error: str
    output: Output | None
    findings: Sequence[ShownExhibit]
    exhibits: Sequence[ExhibitRow]
    approvals: Sequence[Approval]
    effects: Sequence[EffectRow]
    rules: Sequence[CheckpointRule]
    judgement: Judgement | None
    seconds: float | None

    @property
    def stands_out(self) -> bool:
        """Return whether the step is what the reader came for: at work, waiting or gone wrong."""
        return self.row.state not in QUIET

    @property
    def found(self) -> int:
        """Return how many findings are shown."""
        return sum(len(exhibit.findings) for exhibit in self.findings)

    @property
    def retried(self) -> bool:
        """Return whether more happened than one good turn and one execution."""
        kinds = [attempt.kind for attempt in self.row.attempts]
        return len(kinds) > len(set(kinds))

    @property
    def held(self) -> bool:
        """Return whether its checkpoint was passed by what the agent delivered."""
        return self.judgement is not None and self.judgement.type == HELD

    @property
    def stopped(self) -> bool:
        """Return whether its checkpoint ended the run."""
        return self.judgement is not None and self.judgement.type == FAILED


def shown(run: RunView, related: Related) -> tuple[ShownStep, ...]:
    """Return the steps in the order of the workflow."""
    return tuple(_shown(run, related))


def _shown(run: RunView, related: Related) -> Iterator[ShownStep]:
    rules = {plan.id: plan.checkpoint for plan in related.definition.steps}
    for step in run.steps:
        findings = related.findings.get(step.path, ())
        known = {exhibit.id for exhibit in findings}
        yield ShownStep(
            row=step,
            error=step.error_detail or step.error_code,
            output=output_of(step.output),
            findings=shown_exhibits(findings),
            exhibits=[e for e in _at(step, run.exhibits) if str(e.id) not in known],
            approvals=[a for a in related.approvals if a.step_path == step.path],
            effects=[e for e in run.effects if e.step_path == step.path],
            rules=rules.get(step.path, ()),
            judgement=related.judgements.get(step.path),
            seconds=_seconds(step),
        )


def _at(step: StepRow, exhibits: Sequence[ExhibitRow]) -> list[ExhibitRow]:
    return [exhibit for exhibit in exhibits if exhibit.step_path == step.path]


def _seconds(step: StepRow) -> float | None:
    if step.started_at is None or step.finished_at is None:
        return None
    return (step.finished_at - step.started_at).total_seconds()
