"""The registry of agents: list, page, registration, suspension."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from audit.types import Actor
from governance.models import Agent, Person
from governance.refusals import Refusal
from governance.selectors import agents as selector
from governance.selectors import people
from governance.services import agents as service
from governance.views.answering import page
from governance.views.forms import AgentFilter, LimitForm, RegisterForm, SuspendForm


@page
@require_safe
def agents(request: HttpRequest) -> HttpResponse:
    """List the domain's agents; the filter lives in the address."""
    chosen = AgentFilter(request.GET)
    wanted = chosen.wanted()
    found = selector.page_for(
        request.user,
        lifecycle=wanted["lifecycle"],
        environment=wanted["environment"],
        after=request.GET.get("after", ""),
    )
    query = urlencode({**wanted, "after": found.next})
    granted = people.permissions_for(request.user, people.domain_for(request.user))
    context = {
        "filter": chosen,
        "filtered": any(wanted.values()),
        "rows": found.rows,
        "first_url": reverse("agents") if "after" in request.GET else "",
        "next_url": f"?{query}" if found.next else "",
        "may_register": "register_agents" in granted,
    }
    return render(request, "agents/list.html", context)


@page
@require_safe
def agent(request: HttpRequest, agent_id: str) -> HttpResponse:
    """Show one agent: who answers for it, what it may do, what it did."""
    view = selector.agent_for(request.user, agent_id)
    return render(request, "agents/agent.html", {"agent": view})


@page
@require_http_methods(["GET", "HEAD", "POST"])
def agent_register(request: HttpRequest) -> HttpResponse:
    """Register an agent. Its program is never given here: that comes from the machine."""
    person = cast("Person", request.user)
    form = RegisterForm(request.POST or None, people=selector.choices_for(person))
    if request.method == "POST" and form.is_valid():
        try:
            made = service.register(
                domain=people.domain_for(person),
                actor=Actor.person(person.pk),
                **form.cleaned_data,
            )
        except Refusal as refusal:
            form.take(refusal)
        else:
            messages.success(request, _("%(agent)s is registered.") % {"agent": made.name})
            return redirect("agent", agent_id=made.pk)
    status = 422 if form.errors else 200
    return render(request, "agents/register.html", {"form": form}, status=status)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def agent_suspend(request: HttpRequest, agent_id: str) -> HttpResponse:
    """Ask why, then suspend."""
    return _moved(request, agent_id, _Move("suspend", service.suspend))


@page
@require_http_methods(["GET", "HEAD", "POST"])
def agent_resume(request: HttpRequest, agent_id: str) -> HttpResponse:
    """Ask why, then resume."""
    return _moved(request, agent_id, _Move("resume", service.resume))


@page
@require_http_methods(["GET", "HEAD", "POST"])
def agent_limit(request: HttpRequest, agent_id: str) -> HttpResponse:
    """Ask on how many steps the agent may be at work at once, then let it."""
    person = cast("Person", request.user)
    target = selector.visible_agent(person, agent_id)
    form = LimitForm(request.POST or None, initial={"max_parallel": target.max_parallel})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        most, reason = given["max_parallel"], given["reason"]
        service.limit(agent=target, most=most, person=person, reason=reason)
        messages.success(request, _("The limit of %(agent)s was changed.") % {"agent": target})
        return redirect("agent", agent_id=target.pk)
    context = {"agent": selector.agent_for(person, agent_id), "form": form}
    return render(request, "agents/limit.html", context, status=422 if form.errors else 200)


@dataclass(frozen=True, slots=True)
class _Move:
    name: str
    use: Callable[..., Agent]

    def said(self, agent: Agent) -> str:
        """Say what was done."""
        if self.name == "suspend":
            return _("%(agent)s is suspended. It can propose and do nothing.") % {"agent": agent}
        return _("%(agent)s works again.") % {"agent": agent}


def _moved(request: HttpRequest, agent_id: str, move: _Move) -> HttpResponse:
    person = cast("Person", request.user)
    target = selector.visible_agent(person, agent_id)
    form = SuspendForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        moved = move.use(agent=target, person=person, reason=form.cleaned_data["reason"])
        messages.success(request, move.said(moved))
        return redirect("agent", agent_id=target.pk)
    view = selector.agent_for(person, agent_id)
    context = {"agent": view, "form": form, "move": move.name}
    return render(request, "agents/suspend.html", context, status=422 if form.errors else 200)
