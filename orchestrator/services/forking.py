"""A person lets a run begin again from one of its steps, as another run (engine.md 5.4)."""

import hashlib
import uuid
from typing import cast
from uuid import UUID

from django.utils.translation import gettext as _

from governance.models import Person
from governance.refusals import Invalid, Refusal
from orchestrator.models import Run, Step
from orchestrator.patterns.base import Kind
from orchestrator.patterns.states import PASSED
from orchestrator.services import runs
from orchestrator.services.briefs import Brief
from orchestrator.services.definitions import definition_of
from orchestrator.services.operators import checked
from orchestrator.services.origins import Origin, Taken
from orchestrator.services.refused import refusals_recorded
from orchestrator.services.trusting import refuse_unless_it_follows
from orchestrator.workflow.step_plans import StepPlan

_WENT_WRONG = frozenset({"failed", "timed_out"})


def fork(*, run_id: UUID, step: str, person: Person, reason: str, key: str = "") -> Run:
    """Start a run of the same workflow and inputs that begins at `step`, a step of the file.

    What came of the steps before it is taken over, so each must have passed. Nothing else is:
    no approval, no effect. The person is the initiator of the new run; the same `key` starts one
    run only. Raises Refusal, and then there is no run.
    """
    with refusals_recorded(run_id=run_id, verb="fork", person=person):
        found = Run.objects.select_related("domain", "workflow").filter(pk=run_id)
        source = found.get()
        said = checked(run=source, person=person, reason=reason)
        _refuse_errand(source)
        taken = [_taken(source, plan) for plan in _before(source, step)]
        refuse_unless_it_follows(run_id)
        return runs.start(
            workflow=source.workflow,
            initiator=person,
            inputs=source.inputs,
            dedupe_key=_dedupe_key(person, key),
            brief=Brief(source.goal, source.constraints, source.success_criteria),
            origin=Origin(source, step, taken, said),
        )


def _refuse_errand(source: Run) -> None:
    """Refuse what another domain asked for: only its contract lets it be done, each time anew."""
    if source.contract_id:
        detail = _("Another domain asked for this run; only it can ask again.")
        raise Refusal("errand", detail)


def _before(source: Run, name: str) -> list[StepPlan]:
    plans = list(definition_of(source.workflow_id).steps)
    names = [plan.id for plan in plans]
    if name not in names:
        detail = _("Say at which step of the file: %(names)s.") % {"names": ", ".join(names)}
        errors = [{"pointer": "/step", "detail": detail}]
        raise Invalid("unknown_step", detail, errors=errors)
    return plans[: names.index(name)]


def _taken(source: Run, plan: StepPlan) -> Taken:
    row = _last(source, plan.id)
    if row is None or not _has_passed(row, plan):
        detail = _("Step %(step)s has not passed, so nothing after it can begin.")
        raise Refusal("step_not_passed", detail % {"step": plan.id})
    return Taken(
        path=plan.id,
        state=row.state,
        kind=cast("Kind", row.kind),
        output=row.output,
        output_digest=row.output_digest,
        error_code=row.error_code,
        alias=row.alias,
        agent=row.agent,
    )


def _last(source: Run, path: str) -> Step | None:
    """Return the step as it was done last, where it was done again."""
    done = source.steps.filter(path=path, undoes__isnull=True).select_related("agent")
    return done.order_by("iteration").last()


def _has_passed(row: Step, plan: StepPlan) -> bool:
    after = plan.on_timeout if row.state == "timed_out" and plan.on_timeout else plan.on_failure
    return row.state in PASSED or (row.state in _WENT_WRONG and after == "continue")


def _dedupe_key(person: Person, key: str) -> str:
    # Keys are each person's own, as those of runs that are started are.
    said = f"fork|{person.pk}|{key or uuid.uuid4().hex}"
    return hashlib.sha256(said.encode()).hexdigest()
