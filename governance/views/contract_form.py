"""The form that drafts a contract, in the words and units of people."""

import secrets
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from governance.budgeting.amounts import micro_usd
from governance.contract_terms import Terms
from governance.views.forms import LinesField, PlainForm


class ContractForm(PlainForm):
    """What could be agreed. A contract binds to the end of its last day, in UTC.

    `key` makes the form draft one contract, however often it is sent.
    """

    PLACES = {"budget_cap_micro_usd": "budget", "expires_at": "last_day"}

    callee = forms.SlugField(
        label=_lazy("The other domain"),
        help_text=_lazy("Its short name, such as ledger-office. Its agents do the work."),
    )
    name = forms.CharField(
        label=_lazy("Name of the contract"),
        help_text=_lazy("Lower-case letters, digits and dashes; workflow files name it by this."),
        max_length=50,
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    agents = LinesField(
        label=_lazy("Agents that may work"),
        help_text=_lazy("Of the other domain, one per line with its version, such as checker@2."),
    )
    actions = LinesField(
        label=_lazy("Actions they may propose"),
        required=False,
        help_text=_lazy("Tools by their short name, one per line. None: they may only answer."),
    )
    scopes = LinesField(
        label=_lazy("Scopes they may be granted at most"),
        required=False,
        help_text=_lazy("One per line, capability:resource, such as ledger:2026/*."),
    )
    data_classes = LinesField(
        label=_lazy("Data that may be handed to them"),
        required=False,
        help_text=_lazy("Classes, one per line, such as internal. None: nothing classified."),
    )
    budget = forms.CharField(
        label=_lazy("Budget in US dollars"),
        help_text=_lazy("What all work under the contract may cost, such as 250.00."),
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    last_day = forms.DateField(
        label=_lazy("Last day (UTC)"),
        help_text=_lazy("It ends by itself when this day is over. Either side can end it before."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = self.data.get("key") or secrets.token_hex(16)

    def clean_budget(self) -> int:
        """Return millionths of a dollar."""
        try:
            return micro_usd(self.cleaned_data["budget"].strip().replace(",", ""))
        except ValueError:
            raise ValidationError(_("Write the amount as dollars such as 250.00.")) from None

    def clean_last_day(self) -> datetime:
        """Return the moment at which the day is over."""
        try:
            after = self.cleaned_data["last_day"] + timedelta(days=1)
        except OverflowError:
            raise ValidationError(_("Choose an earlier day.")) from None
        return datetime.combine(after, time(), UTC)

    def terms(self) -> Terms:
        """Return what was filled in as the service takes it, which judges it."""
        given: dict[str, Any] = dict(self.cleaned_data)
        return Terms(
            name=given["name"],
            agents=given["agents"],
            actions=given["actions"],
            scopes=given["scopes"],
            data_classes=given["data_classes"],
            budget_cap_micro_usd=given["budget"],
            expires_at=given["last_day"],
        )
