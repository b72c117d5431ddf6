"""The pages of workflows: the versions, one version, and the form that starts a run of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from governance.models import Domain, Person
from governance.refusals import Refusal
from governance.selectors import people
from governance.views.answering import page
from orchestrator.models import Workflow
from orchestrator.patterns.base import CheckpointRule
from orchestrator.selectors import workflows as selector
from orchestrator.selectors.workflow_view import WorkflowStepRow, WorkflowView
from orchestrator.services import runs
from orchestrator.views.start_form import BriefForm, StartForm
from orchestrator.workflow.definition import Definition, from_plain
from orchestrator.workflow.step_plans import duration

OPERATE = "operate_runs"


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of the file and the rules of its checkpoint."""

    row: WorkflowStepRow
    rules: Sequence[CheckpointRule]


@page
@require_safe
def workflows(request: HttpRequest) -> HttpResponse:
    """List the versions of the domain's workflows, newest first."""
    person = cast("Person", request.user)
    before = request.GET.get("before", "")
    found = selector.page_for(person, before=before)
    context = {
        "rows": found.rows,
        "may_start": _may_start(person, people.domain_for(person)),
        "first_url": reverse("workflows") if before else "",
        "next_url": f"?before={found.next}" if found.next else "",
    }
    return render(request, "orchestrator/workflows.html", context)


@page
@require_safe
def workflow(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    """Show one version: its steps in order, who does them, where it stops, and its text."""
    person = cast("Person", request.user)
    view = selector.workflow_for(person, workflow_id)
    target = selector.visible_workflow(person, workflow_id)
    properties = view.inputs.get("properties", {})
    context = {
        "workflow": view,
        "deadline": duration(view.deadline),
        "steps": _steps(view, from_plain(target.definition)),
        "inputs": [_input(name, part, view.inputs) for name, part in properties.items()],
        "may_start": _may_start(person, target.domain),
    }
    return render(request, "orchestrator/workflow.html", context)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def workflow_start(request: HttpRequest, workflow_id: UUID) -> HttpResponse:
    """Ask for the inputs and start a run; what was typed is kept when it is refused."""
    person = cast("Person", request.user)
    target = selector.visible_workflow(person, workflow_id)
    people.require(person, target.domain, OPERATE)
    schema = target.definition["inputs"]
    form = StartForm(schema, data=request.POST or None, given=request.GET.dict())
    brief = BriefForm(request.POST or None, prefix="brief")
    if request.method == "POST" and form.is_valid() and brief.is_valid():
        started = _started(target, person, form, brief)
        if started:
            return started
    context = {"workflow": target, "form": form, "brief": brief, "key": form.key}
    status = 422 if form.errors or brief.errors else 200
    return render(request, "orchestrator/start.html", context, status=status)


def _started(
    target: Workflow, person: Person, form: StartForm, brief: BriefForm
) -> HttpResponse | None:
    try:
        run = runs.start(
            workflow=target,
            initiator=person,
            inputs=form.inputs(),
            dedupe_key=form.key,
            brief=brief.brief(),
        )
    except Refusal as refusal:
        (brief if refusal.code == "invalid_brief" else form).take(refusal)
        return None
    return redirect("run", run_id=run.pk)


def _may_start(person: Person, domain: Domain) -> bool:
    return OPERATE in people.permissions_for(person, domain)


def _steps(view: WorkflowView, definition: Definition) -> list[PlannedStep]:
    rules = {plan.id: plan.checkpoint for plan in definition.steps}
    return [PlannedStep(row, rules[row.id]) for row in view.steps]


def _kind(part: Mapping[str, Any]) -> str:
    kinds = {
        "string": _("text"),
        "integer": _("whole number"),
        "number": _("number"),
        "boolean": _("yes or no"),
        "array": _("list"),
        "object": _("object"),
    }
    named = str(part.get("type", ""))
    return kinds.get(named, named)


def _input(name: str, part: dict[str, Any], schema: Any) -> dict[str, str]:
    kind = _(" or ").join(map(str, part["enum"])) if "enum" in part else _kind(part)
    needed = _("required") if name in schema.get("required", ()) else _("optional")
    return {
        "name": name,
        "kind": kind,
        "needed": needed,
        "words": str(part.get("description", "")),
    }
