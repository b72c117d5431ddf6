"""The page of one run, and the part of it that follows what happens."""

from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from audit.selectors.events import EventRow, events_for
from audit.types import StreamKey
from governance.models import Domain, Person
from governance.selectors import people
from governance.selectors.budgets import holding_of
from governance.services.budgets import PERMISSION
from governance.views.answering import page
from orchestrator.selectors import runs as selector
from orchestrator.selectors.approvals import approvals_of
from orchestrator.selectors.blocks import blocks_of
from orchestrator.selectors.checkpoints import judgements_of
from orchestrator.selectors.errands import commission_of, handed_in
from orchestrator.selectors.escalations import controls_of, packets_of
from orchestrator.selectors.findings import findings_of
from orchestrator.selectors.run_view import RunView
from orchestrator.selectors.selections import selections_of
from orchestrator.selectors.workflows import visible_workflow
from orchestrator.views import blocks, steps, story, verbs
from orchestrator.views.lanes import draw
from orchestrator.views.receipt import receipt_of
from orchestrator.views.showing import counting, in_full, in_short
from orchestrator.workflow.definition import from_plain

TAIL = 8


@page
@require_safe
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Show a run: what it is at, every agent's lane, every step, and the proof of its end."""
    return render(request, "orchestrator/run.html", _shown(request, run_id))


@page
@require_safe
def run_fragment(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Show the live part of the page alone."""
    return render(request, "orchestrator/run_live.html", _shown(request, run_id))


def _shown(request: HttpRequest, run_id: UUID) -> dict[str, Any]:
    person = cast("Person", request.user)
    view = selector.run_for(person, run_id)
    workflow = visible_workflow(person, view.workflow_id)
    definition = from_plain(workflow.definition)
    related = steps.Related(
        definition=definition,
        approvals=approvals_of(view),
        judgements=judgements_of(view),
        findings=findings_of(view),
        blocks=blocks.shown(blocks_of(view, definition)),
        handed=handed_in(person, view) if definition.topology == "federated" else {},
        is_whole="all" in request.GET,
    )
    whose = (person, workflow.domain, definition)
    budget = holding_of(view.id)
    return {
        "run": view,
        "counting": counting(),
        "subject": in_short(view.inputs),
        "inputs": in_full(view.inputs),
        "selections": selections_of(view) if definition.slots else (),
        "budget": budget,
        "commission": commission_of(person, view),
        "may_raise": not view.is_final and _may_raise(person, workflow.domain),
        "elapsed": view.elapsed_ms / 1000,
        "story": story.tell(view, related.approvals),
        "forms": verbs.forms_of(view, controls_of(view, *whose)),
        "packets": verbs.shown(view, packets_of(view, *whose), budget),
        "drawing": draw(view, related.judgements),
        "steps": steps.shown(view, related),
        "receipt": receipt_of(view, related.approvals),
        "events": _last_events(person, view),
        "audit_url": _audit_url(person, workflow.domain, view),
        "fragment_url": _fragment_url(view, is_whole=related.is_whole),
    }


def _may_raise(person: Person, domain: Domain) -> bool:
    return PERMISSION in people.permissions_for(person, domain)


def _fragment_url(view: RunView, *, is_whole: bool) -> str:
    return reverse("run-fragment", args=[view.id]) + ("?all" if is_whole else "")


def _last_events(person: Person, view: RunView) -> Sequence[EventRow]:
    stream = events_for(person, StreamKey("run", str(view.id)), after=max(view.seq - TAIL, 0))
    return list(reversed(stream.events)) if stream else []


def _audit_url(person: Person, domain: Domain, view: RunView) -> str:
    if "read_audit" not in people.permissions_for(person, domain):
        return ""
    return f"{reverse('audit')}?{urlencode({'stream': f'run:{view.id}'})}"
