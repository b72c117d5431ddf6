"""Workflow versions as people of their domain see them."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from governance.models import Agent
from governance.refusals import Refusal
from governance.selectors import people
from orchestrator.models import Workflow
from orchestrator.selectors.paging import page_of
from orchestrator.selectors.workflow_view import (
    WorkflowPage,
    WorkflowRow,
    WorkflowStepRow,
    WorkflowView,
)
from orchestrator.workflow.blocks import agents_in
from orchestrator.workflow.definition import Definition, from_plain
from orchestrator.workflow.step_plans import StepPlan


def page_for(person: Any, *, before: str = "", limit: int = 50) -> WorkflowPage:
    """Return the workflow versions of the person's domain, newest first."""
    workflows = Workflow.objects.filter(domain=people.domain_for(person))
    rows, more = page_of(workflows.defer("source", "definition"), before, limit)
    return WorkflowPage([_row(workflow) for workflow in rows], more)


def visible_workflow(person: Any, workflow_id: UUID | str) -> Workflow:
    """Return the workflow itself, for a use case; raises Refusal `not_found` (404)."""
    workflow = None
    if pk := _uuid(workflow_id):
        workflow = Workflow.objects.select_related("domain").filter(pk=pk).first()
    if workflow is None or not people.permissions_for(person, workflow.domain):
        raise Refusal("not_found", _("There is no such workflow that you may see."), status=404)
    return workflow


def workflow_for(person: Any, workflow_id: UUID | str) -> WorkflowView:
    """Return everything the workflow's page shows; raises Refusal `not_found` (404)."""
    workflow = visible_workflow(person, workflow_id)
    definition = from_plain(workflow.definition)
    return WorkflowView(
        id=workflow.pk,
        domain_id=workflow.domain_id,
        name=workflow.name,
        version=workflow.version,
        description=workflow.description,
        git_commit=workflow.git_commit,
        digest=workflow.digest,
        created_at=workflow.created_at,
        source=workflow.source,
        inputs=definition.inputs,
        success=definition.success,
        deadline=workflow.definition["limits"]["deadline"],
        steps=_steps(workflow, definition),
    )


def _steps(workflow: Workflow, definition: Definition) -> list[WorkflowStepRow]:
    slugs = {ref.slug for ref in definition.agents.values()}
    agents = Agent.objects.filter(domain_id=workflow.domain_id, slug__in=slugs)
    names = {(agent.slug, agent.version): agent.name for agent in agents}
    rows = []
    for step in definition.steps:
        refs = [ref for alias in sorted(agents_in(step)) for ref in definition.refs(alias)]
        named = [names.get((ref.slug, ref.version), "") for ref in refs]
        rows.append(
            WorkflowStepRow(
                id=step.id,
                pattern=step.pattern,
                agent=", ".join(filter(None, [*named, *_slots(definition, step)])),
                ref=", ".join(f"{ref.slug}@{ref.version}" for ref in refs),
                needs=step.needs,
                checkpoints=[rule.message for rule in step.checkpoint],
                risk=step.risk,
            )
        )
    return rows


def _slots(definition: Definition, step: StepPlan) -> list[str]:
    """Say what the slots of a step ask for; who fills them is chosen when a run starts."""
    found = [definition.slots[alias] for alias in sorted(agents_in(step) & set(definition.slots))]
    words = _("whoever can do %(what)s")
    return [words % {"what": ", ".join(slot.capabilities)} for slot in found]


def _row(workflow: Workflow) -> WorkflowRow:
    return WorkflowRow(
        id=workflow.pk,
        name=workflow.name,
        version=workflow.version,
        description=workflow.description,
        git_commit=workflow.git_commit,
        digest=workflow.digest,
        created_at=workflow.created_at,
    )


def _uuid(value: UUID | str) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
