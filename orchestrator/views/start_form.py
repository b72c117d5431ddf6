"""The form that starts a run, generated from the JSON Schema of the workflow's inputs."""

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from governance.refusals import Refusal
from governance.views.forms import LinesField, PlainForm
from orchestrator.services.briefs import Brief

PREFIX = "in"
A_LINE = 200
EMPTY = (None, "")
Schema = Mapping[str, Any]


class StartForm(PlainForm):
    """One field per property of the schema. The service judges the values by the schema itself.

    `key` makes the form start one run, however often it is sent.
    """

    use_required_attribute = True

    def __init__(self, schema: Schema, *, data: Any = None, given: Mapping[str, str]) -> None:
        self.properties: Mapping[str, Schema] = schema.get("properties", {})
        needed = frozenset(schema.get("required", ()))
        super().__init__(data=data, prefix=PREFIX)
        for name, part in self.properties.items():
            field = _field(name, part, required=name in needed)
            field.initial = _initial(part, given.get(name))
            self.fields[name] = field
        _dress(self.fields.values())
        self.key = self.data.get("key") or secrets.token_hex(16)

    def inputs(self) -> dict[str, Any]:
        """Return what was filled in, as the schema's types; what was left empty is left out."""
        return {
            name: _typed(self.properties[name], value)
            for name, value in self.cleaned_data.items()
            if value not in EMPTY or _wants_empty_text(self.properties[name], self.fields[name])
        }

    def take(self, refusal: Refusal) -> None:
        """Put what the service refused next to the fields its JSON pointers name."""
        placed = [(_first_name(str(e["pointer"])), str(e["detail"])) for e in _errors_of(refusal)]
        known = [(name, detail) for name, detail in placed if name in self.fields]
        for name, detail in known:
            self.add_error(name, detail)
        if not known:
            self.add_error(None, refusal.detail)


class BriefForm(PlainForm):
    """What the agents are told beside the inputs; all of it may be left out."""

    goal = forms.CharField(
        label=_lazy("Goal"),
        required=False,
        help_text=_lazy("What the run is for, in your words. Every agent of it reads this."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    constraints = LinesField(
        label=_lazy("Constraints"),
        required=False,
        help_text=_lazy("One per line: what has to be kept to on the way."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    success_criteria = LinesField(
        label=_lazy("Success criteria"),
        required=False,
        help_text=_lazy("One per line. Agents read them; the file's own conditions decide."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def brief(self) -> Brief:
        """Return what was written."""
        return Brief(**self.cleaned_data)

    def take(self, refusal: Refusal) -> None:
        """Put what the service refused next to the fields its JSON pointers name."""
        for error in _errors_of(refusal):
            self.add_error(_first_name(str(error["pointer"])), str(error["detail"]))


class _JsonField(forms.JSONField):
    default_error_messages = {"invalid": ""}

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except ValidationError:
            raise ValidationError(_("This is not JSON.")) from None


def _field(name: str, part: Schema, *, required: bool) -> forms.Field:
    common: dict[str, Any] = {
        "label": part.get("title") or name.replace("_", " ").capitalize(),
        "help_text": part.get("description", ""),
        "required": required,
    }
    if "enum" in part:
        return forms.ChoiceField(choices=_choices(part["enum"], required=required), **common)
    match part.get("type"):
        case "boolean":
            return forms.BooleanField(**common | {"required": False})
        case "integer":
            return forms.IntegerField(**_limits(part), **common)
        case "number":
            return forms.FloatField(**_limits(part), **common)
        case "string":
            return _text_field(part, common)
    return _JsonField(widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}), **common)


def _limits(part: Schema) -> dict[str, Any]:
    return {"min_value": part.get("minimum"), "max_value": part.get("maximum")}


def _text_field(part: Schema, common: Mapping[str, Any]) -> forms.Field:
    longest = part.get("maxLength")
    is_path = part.get("format") == "path"
    attrs: dict[str, str] = {"autocomplete": "off"}
    if examples := part.get("examples"):
        attrs["placeholder"] = str(examples[0])
    if is_path or "pattern" in part:
        attrs |= {"spellcheck": "false", "autocapitalize": "off", "class": "input input--code"}
    long = longest is not None and longest > A_LINE and not is_path
    widget = forms.Textarea(attrs={**attrs, "rows": 3}) if long else forms.TextInput(attrs=attrs)
    return forms.CharField(
        min_length=part.get("minLength"), max_length=longest, strip=False, widget=widget, **common
    )


def _choices(values: Iterable[Any], *, required: bool) -> list[tuple[str, str]]:
    choices = [(_as_choice(value), _as_choice(value)) for value in values]
    return choices if required else [("", _("Not chosen")), *choices]


def _as_choice(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _initial(part: Schema, given: str | None) -> Any:
    if given is not None:
        return given
    default = part.get("default")
    return _as_choice(default) if "enum" in part and default is not None else default


def _typed(part: Schema, value: Any) -> Any:
    if "enum" not in part:
        return value
    return next((known for known in part["enum"] if _as_choice(known) == value), value)


def _wants_empty_text(part: Schema, field: forms.Field) -> bool:
    return field.required and part.get("type") == "string" and "enum" not in part


def _dress(fields: Iterable[forms.Field]) -> None:
    for field in fields:
        if not isinstance(field.widget, forms.CheckboxInput):
            field.widget.attrs.setdefault("class", "input")


def _first_name(pointer: str) -> str:
    first = pointer.strip("/").split("/")[0]
    return first.replace("~1", "/").replace("~0", "~")


def _errors_of(refusal: Refusal) -> Iterable[Mapping[str, Any]]:
    errors: Iterable[Mapping[str, Any]] = refusal.extra.get("errors", ())
    return errors
