"""The bars of a run's page: who was at work when, who was waited for, what was done outside."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from orchestrator.models import AttemptKind, Run
from orchestrator.selectors.run_view import Bar, EffectRow, GateRow, Lane, StepRow

_MILLISECOND = timedelta(milliseconds=1)


def lanes_of(
    run: Run, steps: Sequence[StepRow], gates: Sequence[GateRow], effects: Sequence[EffectRow]
) -> Sequence[Lane]:
    """Return one lane per agent in the order of the file, each with its bars by time.

    The turns of an agent are work, and so is undoing an effect; executing an approved action
    shows as its effect instead.
    """
    begin = run.started_at or run.created_at
    lanes: dict[UUID, tuple[StepRow, list[Bar]]] = {}
    for step in steps:
        if step.agent_id is None:
            continue
        _, bars = lanes.setdefault(step.agent_id, (step, []))
        bars.extend(_turns(step, begin))
        bars.extend(_waits(step, gates, begin))
        bars.extend(_effects(step, effects, begin))
    return [
        Lane(agent_id, step.agent, sorted(bars, key=lambda bar: bar.start_ms))
        for agent_id, (step, bars) in lanes.items()
    ]


def _turns(step: StepRow, begin: datetime) -> Iterator[Bar]:
    for attempt in step.attempts:
        if attempt.kind != AttemptKind.EXECUTION:
            span = _span(begin, attempt.started_at, attempt.finished_at)
            yield Bar("work", step.path, attempt.outcome, attempt.label, *span)


def _waits(step: StepRow, gates: Sequence[GateRow], begin: datetime) -> Iterator[Bar]:
    for gate in gates:
        if gate.step_path == step.path:
            span = _span(begin, gate.opened_at, gate.decided_at)
            yield Bar("wait", step.path, gate.state, gate.label, *span, gate_id=gate.id)


def _effects(step: StepRow, effects: Sequence[EffectRow], begin: datetime) -> Iterator[Bar]:
    for effect in effects:
        if effect.step_path == step.path:
            span = _span(begin, effect.started_at, effect.finished_at)
            yield Bar("effect", step.path, effect.state, effect.label, *span)


def _span(begin: datetime, start: datetime, end: datetime | None) -> tuple[int, int | None]:
    """Return both ends in milliseconds; the clocks of two machines may disagree a little."""
    start_ms = max(0, (start - begin) // _MILLISECOND)
    return start_ms, None if end is None else max(start_ms, (end - begin) // _MILLISECOND)
