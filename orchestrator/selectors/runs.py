"""Runs as people of their domain see them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.models import Stream
from governance.models import Exhibit, Gate
from governance.refusals import Refusal
from governance.selectors import people
from orchestrator.models import RUN_FINAL, Attempt, Run, RunState, Step
from orchestrator.selectors import sealed
from orchestrator.selectors.lanes import lanes_of
from orchestrator.selectors.paging import page_of
from orchestrator.selectors.rollback import done_by, statement_of
from orchestrator.selectors.run_view import (
    AttemptRow,
    EffectRow,
    ExhibitRow,
    GateRow,
    RunPage,
    RunRow,
    RunView,
    StepRow,
)

_RELATED = ("workflow", "initiator", "pause_by", "cancel_by")
_MILLISECOND = timedelta(milliseconds=1)


def page_for(person: Any, *, state: str = "", before: str = "", limit: int = 50) -> RunPage:
    """Return the runs of the person's domain, newest first; `before` is a page's `next`.

    Raises Invalid for a cursor that is not one. A state that does not exist has no runs.
    """
    runs = Run.objects.filter(domain=people.domain_for(person))
    if state:
        runs = runs.filter(state=state)
    rows, more = page_of(runs.select_related("workflow", "initiator"), before, limit)
    return RunPage([_row(run) for run in rows], more)


def visible_run(person: Any, run_id: UUID | str) -> Run:
    """Return the run itself, for a use case; raises Refusal `not_found` (404).

    A run of a domain in which the person may do nothing is as good as none.
    """
    run = None
    if pk := _uuid(run_id):
        related = Run.objects.select_related("domain", *_RELATED)
        run = related.filter(pk=pk).first()
    if run is None or not people.permissions_for(person, run.domain):
        raise Refusal("not_found", _("There is no such run that you may see."), status=404)
    return run


def run_for(person: Any, run_id: UUID | str) -> RunView:
    """Return everything the run's page shows; raises Refusal `not_found` (404)."""
    # Read before the rest: what happens meanwhile is then fetched again, and never missed.
    seq = _head_of(run_id)
    return _view(visible_run(person, run_id), seq)


def run_for_console(run_id: UUID) -> RunView:
    """Return the same for a command on the machine, whose caller could read the database."""
    seq = _head_of(run_id)
    return _view(Run.objects.select_related(*_RELATED).get(pk=run_id), seq)


def _view(run: Run, seq: int) -> RunView:
    laid_out = _steps(run)
    gates = _gates(run)
    effects = _effects(run)
    holder = run.pause_by or run.cancel_by
    return RunView(
        id=run.pk,
        domain_id=run.domain_id,
        contract_id=run.contract_id,
        workflow_id=run.workflow_id,
        workflow=run.workflow.name,
        workflow_version=run.workflow.version,
        initiator_id=run.initiator_id,
        initiator=str(run.initiator),
        state=run.state,
        label=_label(run),
        is_final=run.state in RUN_FINAL,
        inputs=run.inputs,
        owners=run.owners,
        absent=run.absent,
        error_code=run.error_code,
        error_detail=run.error_detail,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        deadline_at=run.deadline_at,
        ending=run.ending,
        rollback=run.rollback,
        rollback_label=run.get_rollback_display(),
        held_by=str(holder or ""),
        held_why=run.pause_reason or run.cancel_reason,
        elapsed_ms=_elapsed(run),
        seq=seq,
        lanes=lanes_of(run, laid_out, gates, effects),
        steps=laid_out,
        gates=gates,
        effects=effects,
        exhibits=_exhibits(run),
        brief=_brief(run),
        statement=statement_of(run.pk) if _may_be_undone(run) else (),
    )


def _brief(run: Run) -> dict[str, Any]:
    lists = {"constraints": run.constraints, "success_criteria": run.success_criteria}
    return {name: part for name, part in {"goal": run.goal, **lists}.items() if part}


def _may_be_undone(run: Run) -> bool:
    return bool(run.ending) or (run.state in RUN_FINAL and run.state != RunState.SUCCEEDED)


def _head_of(run_id: UUID | str) -> int:
    heads = Stream.objects.filter(kind="run", object_id=str(run_id))
    return heads.values_list("last_seq", flat=True).first() or 0


def _row(run: Run) -> RunRow:
    return RunRow(
        id=run.pk,
        workflow=run.workflow.name,
        workflow_version=run.workflow.version,
        initiator=str(run.initiator),
        state=run.state,
        label=_label(run),
        is_final=run.state in RUN_FINAL,
        error_detail=run.error_detail,
        created_at=run.created_at,
        finished_at=run.finished_at,
    )


def _label(run: Run) -> str:
    return str(RunState(run.state).label)


def _elapsed(run: Run) -> int:
    begin = run.started_at or run.created_at
    end: datetime = run.finished_at or timezone.now()
    return max(0, (end - begin) // _MILLISECOND)


def _steps(run: Run) -> Sequence[StepRow]:
    found = run.steps.select_related("agent").prefetch_related("tries")
    steps = list(found.order_by("position", "created_at", "iteration"))
    outputs = sealed.outputs(steps)
    return [_step(step, outputs[step.pk]) for step in steps]


def _step(step: Step, output: Mapping[str, Any]) -> StepRow:
    tries = sorted(step.tries.all(), key=lambda attempt: attempt.number)
    return StepRow(
        id=step.pk,
        path=step.place,
        iteration=step.iteration,
        kind=step.kind,
        agent_id=step.agent_id,
        agent=step.agent.name if step.agent else "",
        state=step.state,
        label=step.get_state_display(),
        output=output,
        error_code=step.error_code,
        error_detail=step.error_detail,
        started_at=step.started_at,
        finished_at=step.finished_at,
        not_before=step.not_before,
        attempts=[_attempt(attempt) for attempt in tries],
    )


def _attempt(attempt: Attempt) -> AttemptRow:
    return AttemptRow(
        number=attempt.number,
        kind=attempt.kind,
        outcome=attempt.outcome,
        label=attempt.get_outcome_display(),
        worker=attempt.worker,
        runner=attempt.runner,
        error_code=attempt.error_code,
        error_detail=attempt.error_detail,
        usage=attempt.usage,
        started_at=attempt.started_at,
        finished_at=attempt.finished_at,
    )


def _gates(run: Run) -> Sequence[GateRow]:
    gates = Gate.objects.filter(action__run_id=run.pk).select_related("action")
    return [
        GateRow(
            id=gate.pk,
            step_path=gate.action.step_path,
            state=gate.state,
            label=gate.get_state_display(),
            sentence=gate.sentence,
            risk=gate.risk,
            opened_at=gate.opened_at,
            expires_at=gate.expires_at,
            decided_at=gate.decided_at,
        )
        for gate in gates.order_by("opened_at", "id")
    ]


def _effects(run: Run) -> Sequence[EffectRow]:
    effects = done_by(run.pk).select_related("action__tool")
    return [
        EffectRow(
            id=effect.pk,
            action_id=effect.action_id,
            step_path=effect.action.step_path,
            tool=effect.action.tool.name,
            state=effect.state,
            label=effect.get_state_display(),
            response=effect.response,
            error=effect.error,
            undoable=bool(effect.compensation),
            started_at=effect.started_at,
            finished_at=effect.finished_at,
        )
        for effect in effects.order_by("started_at", "id")
    ]


def _exhibits(run: Run) -> Sequence[ExhibitRow]:
    exhibits = Exhibit.objects.filter(run_id=run.pk).select_related("agent").defer("content")
    return [
        ExhibitRow(
            id=exhibit.pk,
            step_path=exhibit.step_path,
            agent=exhibit.agent.name if exhibit.agent else "",
            name=exhibit.name,
            kind=exhibit.kind,
            trust=exhibit.trust,
            subject=exhibit.subject,
            digest=exhibit.digest,
            created_at=exhibit.created_at,
        )
        for exhibit in exhibits.order_by("created_at", "id")
    ]


def _uuid(value: UUID | str) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
