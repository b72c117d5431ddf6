"""What each run of a list is about, and who or what holds it up at this moment."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orchestrator.models import STEP_FINAL, Run, Step, StepState

QUIET = (StepState.BLOCKED, *STEP_FINAL)


@dataclass(frozen=True, slots=True)
class Glance:
    """One run at a glance. `step_state` is empty when no step is under way.

    `gate_id` and `sentence` are set while it waits for people.
    """

    inputs: Mapping[str, Any]
    agent: str
    step_path: str
    step_state: str
    gate_id: UUID | None
    sentence: str


def glances_at(run_ids: Collection[UUID]) -> Mapping[UUID, Glance]:
    """Return the glance of each run the caller may see, in two queries however many there are."""
    inputs = dict(Run.objects.filter(pk__in=run_ids).values_list("pk", "inputs"))
    busy = (
        Step.objects.filter(run_id__in=run_ids)
        .exclude(state__in=QUIET)
        .exclude(agent=None)
        .select_related("agent", "action__gate")
        .order_by("-position")
    )
    at_work = {step.run_id: step for step in busy}
    return {run_id: _glance(inputs[run_id], at_work.get(run_id)) for run_id in inputs}


def _glance(inputs: Mapping[str, Any], step: Step | None) -> Glance:
    if step is None:
        return Glance(inputs, "", "", "", None, "")
    gate = getattr(step.action, "gate", None) if step.action else None
    waits = gate is not None and gate.state == "pending"
    return Glance(
        inputs=inputs,
        agent=step.agent.name if step.agent else "",
        step_path=step.place,
        step_state=step.state,
        gate_id=gate.pk if gate and waits else None,
        sentence=gate.sentence if gate and waits else "",
    )
