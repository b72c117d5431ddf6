"""The filter of the audit list: shape and words; what it means is `audit.selectors.filters`."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import registry
from audit.selectors.filters import TEXT_LIMIT, FilterError, Filters

Choice = tuple[str, str | Promise]
Group = tuple[str, list[Choice]]


ACTORS: tuple[Choice, ...] = (
    ("", gettext_lazy("Anybody")),
    ("person:", gettext_lazy("People")),
    ("agent:", gettext_lazy("Agents")),
    ("system:", gettext_lazy("The product itself")),
)


def _types() -> Iterator[Choice | Group]:
    yield "", _("Anything")
    for noun, names in groupby(
        sorted(registry.event_types()), lambda name: name.partition(".")[0]
    ):
        whole: Choice = (f"{noun}.", _("Everything about: %(noun)s") % {"noun": noun})
        yield noun, [whole, *((name, name) for name in names)]


def _actor(choices: Sequence[Choice]) -> forms.ChoiceField:
    widget = forms.Select(attrs={"class": "input"})
    label = gettext_lazy("Who")
    return forms.ChoiceField(label=label, required=False, choices=choices, widget=widget)


class LogFilter(forms.Form):
    """What somebody looks for. Everything is optional, and everything is in the address."""

    type = forms.ChoiceField(label=gettext_lazy("What"), required=False, choices=_types)
    actor = _actor(ACTORS)
    object = forms.CharField(label=gettext_lazy("About"), required=False)
    stream = forms.CharField(label=gettext_lazy("Stream"), required=False)
    text = forms.CharField(label=gettext_lazy("Text"), required=False, max_length=TEXT_LIMIT)
    since = forms.CharField(label=gettext_lazy("From (UTC)"), required=False)
    until = forms.CharField(label=gettext_lazy("Before (UTC)"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hints = {"object": "gate:9f1c4b0e-…", "stream": "run:9f1c4b0e-…", "since": "2026-11-20"}
        hints["until"] = "2026-11-21T18:00"
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "input"
            if name in hints:
                field.widget.attrs["placeholder"] = hints[name]
        chosen = str(self.data.get("actor", ""))
        if chosen not in dict(ACTORS):
            # An address may name one actor, which the list of kinds does not have.
            self.fields["actor"] = _actor((*ACTORS, (chosen, chosen)))

    def filters(self) -> Filters | None:
        """Return the filters, or None with the reason at its field."""
        self.is_valid()
        try:
            return None if self.errors else Filters.parse(self.cleaned_data)
        except FilterError as error:
            self.add_error(error.field, error.detail)
            return None
