"""Contracts with other domains: list, page, drafting, signing, suspending and revoking."""

from collections.abc import Callable
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from governance.models import Contract, Person
from governance.refusals import Refusal
from governance.selectors import contracts as selector
from governance.selectors import people
from governance.services import contracts as service
from governance.views.answering import page
from governance.views.contract_form import ContractForm
from governance.views.forms import SuspendForm


@page
@require_safe
def contracts(request: HttpRequest) -> HttpResponse:
    """List the contracts of the reader's domains."""
    own = people.permissions_for(request.user, people.domain_for(request.user))
    context = {
        "rows": selector.page_for(request.user),
        "may_draft": service.PERMISSION in own,
    }
    return render(request, "contracts/list.html", context)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def contract_draft(request: HttpRequest) -> HttpResponse:
    """Write down what another domain could do for the reader's; both sides sign it after."""
    person = cast("Person", request.user)
    domain = people.domain_for(person)
    people.require(person, domain, service.PERMISSION)
    form = ContractForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = service.draft(
                caller=domain,
                callee=selector.side_named(form.cleaned_data["callee"], "callee"),
                terms=form.terms(),
                person=person,
                key=form.key,
            )
        except Refusal as refusal:
            form.take(refusal)
        else:
            messages.success(
                request, _("%(contract)s is drafted. Sign it next.") % {"contract": made}
            )
            return redirect("contract", contract_id=made.pk)
    context = {"form": form, "domain": domain}
    return render(request, "contracts/draft.html", context, status=422 if form.errors else 200)


@page
@require_safe
def contract(request: HttpRequest, contract_id: str) -> HttpResponse:
    """Show what was agreed, who signed it, and what came of it."""
    view = selector.contract_for(request.user, contract_id)
    return render(request, "contracts/contract.html", {"contract": view})


@page
@require_POST
def contract_sign(request: HttpRequest, contract_id: str) -> HttpResponse:
    """Sign for one side exactly what the page showed."""
    target = selector.visible_contract(request.user, contract_id)
    signed = service.sign(
        contract=target,
        domain=selector.side_named(request.POST.get("domain", ""), "domain"),
        person=cast("Person", request.user),
        shown=request.POST.get("shown", ""),
    )
    messages.success(request, _("You signed %(contract)s.") % {"contract": signed})
    return redirect("contract", contract_id=target.pk)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def contract_suspend(request: HttpRequest, contract_id: str) -> HttpResponse:
    """Ask why, then let it bind nobody until it is resumed."""
    said = _("%(contract)s binds nobody until you resume it.")
    return _reasoned(request, contract_id, service.suspend, said, "contracts/suspend.html")


@page
@require_POST
def contract_resume(request: HttpRequest, contract_id: str) -> HttpResponse:
    """Let a suspended contract bind again."""
    target = selector.visible_contract(request.user, contract_id)
    service.resume(contract=target, person=cast("Person", request.user))
    messages.success(request, _("%(contract)s binds again.") % {"contract": target})
    return redirect("contract", contract_id=target.pk)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def contract_revoke(request: HttpRequest, contract_id: str) -> HttpResponse:
    """Ask why, then revoke for both sides."""
    said = _("%(contract)s binds nobody any more.")
    return _reasoned(request, contract_id, service.revoke, said, "contracts/revoke.html")


def _reasoned(
    request: HttpRequest, contract_id: str, do: Callable[..., Contract], said: str, template: str
) -> HttpResponse:
    target = selector.visible_contract(request.user, contract_id)
    form = SuspendForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        person = cast("Person", request.user)
        do(contract=target, person=person, reason=form.cleaned_data["reason"])
        messages.success(request, said % {"contract": target})
        return redirect("contract", contract_id=target.pk)
    view = selector.contract_for(request.user, contract_id)
    context = {"contract": view, "form": form}
    return render(request, template, context, status=422 if form.errors else 200)
