"""Sealed papers: what a peer bid is nobody's to read before the work is awarded."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q

from orchestrator.history.places import key_of
from orchestrator.models import STEP_FINAL, Step, StepKind, StepState
from orchestrator.topologies.papers import SEALED

_OVER = (*STEP_FINAL, StepState.ESCALATED)
_NOTHING: Mapping[str, Any] = {}


def is_sealed(run_id: UUID | str, place: str) -> bool:
    """Whether the answer of the step at `place` is a paper that is not opened yet.

    All papers of an announcement are opened by its award, by the next announcement and by the
    end of the step.
    """
    path, number = key_of(place)
    block, _slash, name = path.rpartition("/")
    if not name.startswith(SEALED):
        return False
    inside = Step.objects.filter(run_id=run_id, path__startswith=f"{block}/")
    opened = Q(kind=StepKind.ACK, iteration=number) | Q(kind=StepKind.BID, iteration__gt=number)
    path, iteration = key_of(block)
    ended = Step.objects.filter(run_id=run_id, path=path, iteration=iteration, state__in=_OVER)
    return not (inside.filter(opened).exists() or ended.exists())


def outputs(steps: Collection[Step]) -> dict[UUID, Mapping[str, Any]]:
    """Return what the steps of a run came to as it may be shown now; the same rule, all at once.

    `steps` are all of the run.
    """
    over = {step.place for step in steps if step.state in _OVER}
    opened = {(_block_of(step), step.iteration) for step in steps if step.kind == StepKind.ACK}
    last: dict[str, int] = {}
    for step in steps:
        if step.kind == StepKind.BID:
            block = _block_of(step)
            last[block] = max(last.get(block, 0), step.iteration)

    def is_shown(step: Step) -> bool:
        block, number = _block_of(step), step.iteration
        is_paper = step.path.rpartition("/")[2].startswith(SEALED)
        is_open = block in over or (block, number) in opened or number < last.get(block, 0)
        return not is_paper or is_open

    return {step.pk: step.output if is_shown(step) else _NOTHING for step in steps}


def _block_of(step: Step) -> str:
    return step.path.rpartition("/")[0]


def veil(run_id: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an event says of a step that is done, without a paper that is still sealed."""
    if "output" not in payload or not is_sealed(run_id, str(payload.get("step", ""))):
        return payload
    return {**payload, "output": {}, "sealed": True}
