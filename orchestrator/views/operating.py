"""Where the forms of a run's page go: each does one thing and leads back to the page."""

import json
from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from governance.budgeting.amounts import amount_from
from governance.models import Person
from governance.refusals import Invalid
from governance.views.answering import page
from orchestrator.models import PauseMode
from orchestrator.selectors.runs import visible_run
from orchestrator.services import budgeting, cancellation, forking, pausing, verbs
from orchestrator.services.verbs import Said
from orchestrator.views.verbs import said


@page
@require_POST
def run_cancel(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Ask for the end of the run."""
    person = _may_see(request, run_id)
    cancellation.cancel(run_id=run_id, person=person, reason=_reason(request))
    return _back(request, run_id, "cancel")


@page
@require_POST
def run_pause(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Hold the run up."""
    person = _may_see(request, run_id)
    mode = PauseMode.NOW if request.POST.get("mode") == PauseMode.NOW else PauseMode.DRAIN
    pausing.pause(run_id=run_id, person=person, reason=_reason(request), mode=mode)
    return _back(request, run_id, "pause")


@page
@require_POST
def run_resume(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Let the run go on."""
    person = _may_see(request, run_id)
    pausing.resume(run_id=run_id, person=person, reason=_reason(request))
    return _back(request, run_id, "resume")


@page
@require_POST
def run_budget(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Let the run use more."""
    person = _may_see(request, run_id)
    unit = request.POST.get("unit", "")
    try:
        caps = {unit: amount_from(unit, request.POST.get("amount", ""))}
    except ValueError:
        detail = _("Write the amount as dollars such as 250.00, or as a whole number.")
        raise Invalid("invalid_budget", detail) from None
    budgeting.raise_run(run_id=run_id, caps=caps, person=person, reason=_reason(request))
    return _back(request, run_id, "budget")


@page
@require_POST
def run_fork(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Start another run from a step of this one, and go there."""
    person = _may_see(request, run_id)
    step = request.POST.get("step", "")
    made = forking.fork(run_id=run_id, step=step, person=person, reason=_reason(request))
    return _back(request, made.pk, "fork")


@page
@require_POST
def run_escalations(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Use a verb on a run that needs a person."""
    person = _may_see(request, run_id)
    verb = request.POST.get("verb", "")
    verbs.use(verb=verb, run_id=run_id, person=person, said=_said(request))
    return _back(request, run_id, verb)


def _may_see(request: HttpRequest, run_id: UUID) -> Person:
    person = cast("Person", request.user)
    visible_run(person, run_id)
    return person


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "")


def _said(request: HttpRequest) -> Said:
    happened = {"yes": True, "no": False}.get(request.POST.get("happened", ""))
    return Said(
        reason=_reason(request),
        step_id=_uuid(request, "step"),
        agent_id=_uuid(request, "agent"),
        output=_object(request, "output"),
        happened=happened,
        response=_object(request, "response"),
    )


def _uuid(request: HttpRequest, name: str) -> UUID | None:
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError:
        return None


def _object(request: HttpRequest, name: str) -> Mapping[str, Any] | None:
    text = request.POST.get(name, "").strip()
    if not text:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        detail = _('Write a JSON object, such as {"found": 3}.')
        errors = [{"pointer": f"/{name}", "detail": detail}]
        raise Invalid("invalid_json", detail, errors=errors)
    return value


def _back(request: HttpRequest, run_id: UUID, name: str) -> HttpResponse:
    messages.success(request, said(name))
    return redirect("run", run_id=run_id)
