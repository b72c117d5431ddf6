"""The steps of a run with everything that belongs to each of them, blocks around their own."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from governance.selectors.gate_view import ExhibitView
from governance.views.exhibits import ShownExhibit
from governance.views.exhibits import shown as shown_exhibits
from orchestrator.patterns.base import CheckpointRule
from orchestrator.selectors.approvals import Approval
from orchestrator.selectors.checkpoints import FAILED, HELD, RETRIED, Judgement
from orchestrator.selectors.errands import Handed
from orchestrator.selectors.run_view import EffectRow, ExhibitRow, RunView, StepRow
from orchestrator.views.blocks import ShownBlock
from orchestrator.views.showing import Output, output_of
from orchestrator.workflow.definition import Definition

QUIET = frozenset({"blocked", "succeeded", "skipped", "cancelled"})
# A wide fan shows this many of its branches, the loudest first, until all are asked for.
MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Related:
    """What belongs to the steps of a run besides their rows."""

    definition: Definition
    approvals: Sequence[Approval]
    judgements: Mapping[str, Judgement]
    findings: Mapping[str, Sequence[ExhibitView]]
    blocks: Mapping[str, ShownBlock] = field(default_factory=dict)
    handed: Mapping[str, Handed] = field(default_factory=dict)
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step: its tries, its output, what it attached, what it asked for, what it did.

    `error` is the cause when it went wrong; `seconds` is None until it has ended. `rules` are
    its checkpoint's, `judgement` what became of them. A block has `children`, of which `more`
    are not shown, and what its pattern shows; `name` is what the block around it calls it, and
    `handed` what another domain was asked to do for it.
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
    name: str = ""
    block: ShownBlock | None = None
    handed: Handed | None = None
    children: Sequence["ShownStep"] = ()
    more: int = 0

    @property
    def is_quiet(self) -> bool:
        """Return whether nobody has to look: not begun, done, or not needed."""
        return self.row.state in QUIET

    @property
    def stands_out(self) -> bool:
        """Return whether the step is what the reader came for: at work, waiting or gone wrong.

        What failed within a block that went on all the same is not.
        """
        return not self.is_quiet and not (self.name != self.row.path and self.row.finished_at)

    @property
    def is_open(self) -> bool:
        """Return whether it is shown unfolded: what stands out, and blocks with their story."""
        return self.stands_out or bool(self.block and self.block.tells_all)

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

    @property
    def tried_again(self) -> bool:
        """Return whether its checkpoint asked for another try."""
        return self.judgement is not None and self.judgement.type == RETRIED


def shown(run: RunView, related: Related) -> tuple[ShownStep, ...]:
    """Return the steps in the order of the workflow, those of a block within it."""
    within: dict[str, list[StepRow]] = {}
    for row in run.steps:
        within.setdefault(_block_around(row.path, related.blocks), []).append(row)
    return tuple(_all_in("", within, run, related))


def _block_around(path: str, blocks: Collection[str]) -> str:
    while "/" in path:
        path = path.rpartition("/")[0]
        if path in blocks:
            return path
    return ""


def _all_in(
    place: str, within: Mapping[str, Sequence[StepRow]], run: RunView, related: Related
) -> Iterator[ShownStep]:
    for row in within.get(place, ()):
        step = _shown(row, place, run, related)
        inner = list(_all_in(row.path, within, run, related)) if step.block else []
        kept = inner if related.is_whole else sorted(inner, key=_is_quiet)[:MOST_SHOWN]
        order = {id(one): n for n, one in enumerate(inner)}
        kept.sort(key=lambda one: order[id(one)])
        yield replace(step, children=kept, more=len(inner) - len(kept))


def _is_quiet(step: ShownStep) -> bool:
    return step.is_quiet


def _shown(step: StepRow, place: str, run: RunView, related: Related) -> ShownStep:
    findings = related.findings.get(step.path, ())
    known = {exhibit.id for exhibit in findings}
    return ShownStep(
        row=step,
        error=step.error_detail or step.error_code,
        output=output_of(step.output),
        findings=shown_exhibits(findings),
        exhibits=[e for e in _at(step, run.exhibits) if str(e.id) not in known],
        approvals=[a for a in related.approvals if a.step_path == step.path],
        effects=[e for e in run.effects if e.step_path == step.path],
        rules=_rules(step, related),
        judgement=related.judgements.get(step.path),
        seconds=_seconds(step),
        name=step.path[len(place) :].lstrip("/"),
        block=related.blocks.get(step.path),
        handed=related.handed.get(step.path),
    )


def _rules(step: StepRow, related: Related) -> Sequence[CheckpointRule]:
    try:
        return related.definition.step(step.path).checkpoint
    except LookupError:
        return ()


def _at(step: StepRow, exhibits: Sequence[ExhibitRow]) -> list[ExhibitRow]:
    return [exhibit for exhibit in exhibits if exhibit.step_path == step.path]


def _seconds(step: StepRow) -> float | None:
    if step.started_at is None or step.finished_at is None:
        return None
    return (step.finished_at - step.started_at).total_seconds()
