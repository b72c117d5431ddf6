"""The forms of governance's pages. What they check is shape; services decide."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from governance.models import Environment, Lifecycle, Person
from governance.refusals import Refusal
from governance.templatetags.looks import LOOKS


class PlainForm(forms.Form):
    """A form whose widgets carry the house's classes, for components/field.html.

    `PLACES` names the field of each JSON pointer that is not called as its field is.
    """

    PLACES: Mapping[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if not isinstance(field.widget, forms.CheckboxInput | forms.RadioSelect):
                field.widget.attrs.setdefault("class", "input")

    def take(self, refusal: Refusal) -> None:
        """Put what a service refused beside the fields that its JSON pointers name."""
        errors: Sequence[Mapping[str, Any]] = refusal.extra.get("errors", ())
        for error in errors:
            name = str(error.get("pointer", "")).strip("/").split("/")[0]
            field = self.PLACES.get(name, name)
            self.add_error(field if field in self.fields else None, str(error["detail"]))
        if not errors:
            self.add_error(None, refusal.detail)


class LinesField(forms.CharField):
    """Several values, one per line."""

    widget = forms.Textarea(attrs={"rows": 3, "class": "input input--code", "spellcheck": "false"})

    def clean(self, value: Any) -> Any:
        """Return the lines that say something, in the order they were written."""
        text = super().clean(value)
        return [line.strip() for line in str(text).splitlines() if line.strip()]


class SigninForm(PlainForm):
    """Name and password."""

    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class NameForm(PlainForm):
    """How others will see somebody new."""

    display_name = forms.CharField(
        label=_("Your name"),
        help_text=_("Others see it beside everything you decide."),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class SuspendForm(PlainForm):
    """Why an agent is suspended or resumed."""

    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Others read this on its page and in the audit log."),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class LimitForm(PlainForm):
    """On how many steps an agent may be at work at once, and why that changes."""

    max_parallel = forms.IntegerField(
        label=_("Steps at once"),
        required=False,
        min_value=1,
        max_value=1000,
        help_text=_("Of all runs together. Leave it empty for no limit."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Others read this in the agent's history."),
        max_length=500,
    )


class RegisterForm(PlainForm):
    """A new agent: who it is, who answers for it, and what it may do."""

    name = forms.CharField(label=_("Name"), max_length=120)
    slug = forms.SlugField(
        label=_("Short name"),
        help_text=_("Lower-case letters, digits and dashes; workflow files name the agent by it."),
    )
    version = forms.IntegerField(label=_("Version"), min_value=1, initial=1)
    purpose = forms.CharField(
        label=_("Purpose"),
        help_text=_("One or two sentences that a reviewer reads before deciding."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    owner = forms.ModelChoiceField(
        queryset=Person.objects.none(),
        label=_("Owner"),
        empty_label=_("Choose somebody"),
        help_text=_("Answers for the agent, and can never approve what it asks for."),
    )
    sponsor = forms.ModelChoiceField(
        queryset=Person.objects.none(),
        label=_("Sponsor"),
        empty_label=_("Choose somebody"),
        help_text=_("Vouches for why the agent exists."),
    )
    environment = forms.ChoiceField(
        label=_("Environment"),
        choices=[(key, LOOKS["environment"][key].label) for key in Environment.values],
    )
    scopes = LinesField(
        label=_("Scopes"),
        required=False,
        help_text=_("One per line, capability:resource, such as merge:repo/*."),
    )
    classes = LinesField(
        label=_("Classes"),
        required=False,
        help_text=_("One per line. Policies can speak about a class of agents."),
    )
    capabilities = LinesField(
        label=_("Capabilities"),
        required=False,
        help_text=_("One per line, such as security.scan. Workflows can ask for what is needed."),
    )
    price_micro_usd = forms.IntegerField(
        label=_("Price of a turn, in millionths of a dollar"),
        required=False,
        min_value=0,
        help_text=_("If it is known. Of agents that can do the same, the cheapest is taken."),
    )

    def __init__(self, *args: Any, people: QuerySet[Person], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("owner", "sponsor"):
            field = self.fields[name]
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = people


class AgentFilter(PlainForm):
    """Which agents are listed; a value that is not one filters nothing."""

    lifecycle = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[
            ("", _("Any state")),
            *((key, LOOKS["agent"][key].label) for key in Lifecycle.values),
        ],
    )
    environment = forms.ChoiceField(
        label=_("Environment"),
        required=False,
        choices=[
            ("", _("Any environment")),
            *((key, LOOKS["environment"][key].label) for key in Environment.values),
        ],
    )

    def wanted(self) -> dict[str, str]:
        """Return the filters that were chosen and exist."""
        self.is_valid()
        return {name: self.cleaned_data.get(name, "") for name in self.fields}


class PasswordForm(PlainForm):
    """A new password; the current one is asked for when there is one."""

    current = forms.CharField(
        label=_("Current password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    password = forms.CharField(
        label=_("New password"),
        help_text=_("At least 12 characters. Paste it from a password manager if you have one."),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class TokenForm(PlainForm):
    """A personal token: what it is for and how long it lives."""

    name = forms.CharField(
        label=_("What the token is for"), max_length=120, widget=forms.TextInput
    )
    days = forms.TypedChoiceField(
        label=_("Lives for"),
        coerce=int,
        choices=[(7, _("7 days")), (30, _("30 days")), (90, _("90 days"))],
        initial=30,
    )


class WebhookForm(PlainForm):
    """Where notices go outside."""

    url = forms.URLField(
        label=_("Address"),
        max_length=500,
        assume_scheme="https",
        help_text=_(
            "An https address. Each notice is signed, so that the other end can check it."
        ),
    )
