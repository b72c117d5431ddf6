"""The budgets of a domain: what is held and spent of each, setting one, changing one."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from governance.budgeting.amounts import amount_from
from governance.models import Budget, BudgetScope, Person, Unit, Window
from governance.refusals import Forbidden, Invalid, Refusal
from governance.selectors import budgets as selector
from governance.selectors import people
from governance.services import budgets as service
from governance.views.answering import page
from governance.views.forms import PlainForm


class BudgetForm(PlainForm):
    """A new budget."""

    PLACES = {"cap": "amount"}

    scope = forms.ChoiceField(
        label=gettext_lazy("Whose"),
        help_text=gettext_lazy("All of whose work counts together."),
        choices=BudgetScope.choices,
    )
    scope_id = forms.CharField(
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("Of the team, workflow, agent or model; none for the domain."),
        max_length=120,
        required=False,
    )
    unit = forms.ChoiceField(
        label=gettext_lazy("Unit"),
        help_text=gettext_lazy("What is counted."),
        choices=Unit.choices,
    )
    amount = forms.CharField(
        label=gettext_lazy("Amount"),
        help_text=gettext_lazy("Dollars such as 250.00, or a whole number of anything else."),
        max_length=20,
    )
    window = forms.ChoiceField(label=gettext_lazy("For"), choices=Window.choices)


@page
@require_safe
def budgets(request: HttpRequest) -> HttpResponse:
    """Show every budget of the reader's domain."""
    return _shown(request, BudgetForm())


@page
@require_POST
def budget_add(request: HttpRequest) -> HttpResponse:
    """Set a budget for the reader's domain."""
    form = BudgetForm(request.POST)
    if not form.is_valid():
        return _shown(request, form, status=422)
    given = dict(form.cleaned_data)
    person = cast("Person", request.user)
    try:
        cap = _amount(given["unit"], given.pop("amount"))
        service.create(domain=people.domain_for(person), person=person, cap=cap, **given)
    except Forbidden:
        raise
    except Refusal as refusal:
        form.take(refusal)
        return _shown(request, form, status=422)
    messages.success(request, _("The budget is set. It counts for what begins from now on."))
    return redirect("budgets")


@page
@require_POST
def budget_change(request: HttpRequest, budget_id: int) -> HttpResponse:
    """Change how much a budget is."""
    unit = Budget.objects.filter(pk=budget_id).values_list("unit", flat=True).first()
    service.change(
        budget_id=budget_id,
        cap=_amount(unit or Unit.TOKENS, request.POST.get("amount", "")),
        person=cast("Person", request.user),
        reason=request.POST.get("reason", ""),
    )
    messages.success(request, _("The budget was changed."))
    return redirect("budgets")


def _amount(unit: str, text: str) -> int:
    try:
        return amount_from(unit, text)
    except ValueError:
        detail = _("Write the amount as dollars such as 250.00, or as a whole number.")
        errors = [{"pointer": "/amount", "detail": detail}]
        raise Invalid("invalid_budget", detail, errors=errors) from None


def _shown(request: HttpRequest, form: BudgetForm, *, status: int = 200) -> HttpResponse:
    person = cast("Person", request.user)
    domain = people.domain_for(person)
    context: dict[str, Any] = {
        "rows": selector.budgets_of(domain),
        "waiting": selector.waiting_in(domain),
        "form": form,
        "may_manage": service.PERMISSION in people.permissions_for(person, domain),
    }
    return render(request, "budgets/list.html", context, status=status)
