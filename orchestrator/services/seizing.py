"""Ready steps are taken for a worker, each by one conditional UPDATE that moves its epoch on."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from audit import statements
from governance.models import Agent, Lifecycle
from orchestrator.models import AttemptKind, Run, Step, StepState
from orchestrator.services import claimable, remembered
from orchestrator.services.step_rows import Asked, queued, waiting_key, waits_since_intake

_IN_SERVICE = (
    "EXISTS (SELECT 1 FROM governance_agent a WHERE a.id = %s AND a.lifecycle = 'active'"
    " AND a.max_parallel IS NULL)"
)


def seize(*, step_id: UUID, kind: AttemptKind, worker: str, bounded: bool = False) -> Step | None:
    """Take a step that is ready for this for `worker`, or return None and change nothing.

    While a run is ending nothing begins, but an effect that is in flight is settled. One that is
    `bounded` is taken only by whoever made sure that it need not wait for others.
    """
    which = claimable.FOR[kind] if bounded else f"{claimable.UNBOUNDED} AND {claimable.FOR[kind]}"
    return statements.taken(
        Step,
        {"pk": step_id, "state": StepState.READY},
        _taken_by(worker),
        only=f"{claimable.due()} AND {which}",
    )


def seize_all(step_ids: Sequence[UUID], worker: str) -> list[Step]:
    """Take those of the steps for turns that are ready, not bounded and of a running run."""
    only = f"{claimable.UNBOUNDED} AND {claimable.due()} AND {claimable.FOR[AttemptKind.TURN]}"
    ready = {"state": StepState.READY}
    return statements.all_taken(Step, step_ids, ready, _taken_by(worker), only)


def seize_at_once(run: Run, asked: Asked, worker: str) -> Step | None:
    """Take a step for a turn that becomes ready only now, or return None and change nothing.

    It is one that has waited since intake, need not wait for others, and whose agent, which was
    read once, is in service and without a limit now. The run is held by the caller and running.
    """
    agent = asked.agent
    if agent is None or agent.lifecycle != Lifecycle.ACTIVE or not waits_since_intake(asked.ask):
        return None
    values = {**queued(run, asked), **_taken_by(worker)}
    if values.get("bounded", True):
        return None
    given = [statements.plain(Agent, "pk", agent.pk)]
    step = statements.taken(Step, waiting_key(run, asked.ask), values, _IN_SERVICE, given)
    if step is not None:
        step.run, step.agent = run, agent
        remembered.moved(step)
    return step


def _taken_by(worker: str) -> Mapping[str, Any]:
    return {
        "state": StepState.RUNNING,
        "epoch": F("epoch") + 1,
        "lease_owner": worker,
        "lease_expires_at": Now() + timedelta(seconds=settings.CLAIM_LEASE_SECONDS),
        "claimed_at": Now(),
        "waits_for": "",
        "started_at": Coalesce(F("started_at"), Now()),
        "error_code": "",
        "error_detail": "",
    }
