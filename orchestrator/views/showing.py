"""Inputs and outputs of runs as people read them: short where they pass by, whole where asked."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

A_LINE = 120
SIMPLE = str | int | float
MOST_SHOWN = 200_000


@dataclass(frozen=True, slots=True)
class Said:
    """A name and a value; `value` is short, `whole` is all of it."""

    name: str
    value: str
    whole: str


@dataclass(frozen=True, slots=True)
class Output:
    """A step's output: what of it fits into lines, and all of it as JSON."""

    facts: Sequence[Said]
    text: str


def counting() -> str:
    """Return how `lasting` writes whole seconds, minutes and hours, for the counters of run.js."""
    return "|".join((_("%(s)d s"), _("%(m)d min %(s)d s"), _("%(h)d h %(m)d min")))


def in_short(inputs: Mapping[str, Any]) -> tuple[Said, ...]:
    """Return the inputs that fit into a line; a path is shown by its last part."""
    return tuple(
        _said(k, v) for k, v in sorted(inputs.items()) if isinstance(v, SIMPLE) and v != ""
    )


def in_full(inputs: Mapping[str, Any]) -> tuple[Said, ...]:
    """Return every input: a list of plain values in a line, anything deeper as JSON."""
    return tuple(_said(k, _flat(v)) for k, v in sorted(inputs.items()))


def output_of(output: Mapping[str, Any]) -> Output | None:
    """Return how an output is shown, or None when there is none."""
    if not output:
        return None
    return Output(
        facts=tuple(_facts(output)),
        text=json.dumps(output, indent=2, ensure_ascii=False, default=str)[:MOST_SHOWN],
    )


def _flat(value: Any) -> Any:
    if isinstance(value, list) and value and all(isinstance(one, SIMPLE) for one in value):
        return ", ".join(map(_as_text, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _facts(output: Mapping[str, Any]) -> Iterator[Said]:
    for name, value in sorted(output.items()):
        if isinstance(value, list):
            amount = ngettext("%(n)d entry", "%(n)d entries", len(value)) % {"n": len(value)}
            yield Said(_spaced(name), amount if value else _("none"), amount)
        elif not isinstance(value, Mapping):
            yield _said(name, value)


def _said(name: str, value: Any) -> Said:
    whole = _as_text(value)
    short = PurePath(whole).name or whole if whole.startswith("/") else whole
    return Said(_spaced(name), short if len(short) <= A_LINE else f"{short[:A_LINE]}…", whole)


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return _("none") if value is None else str(value)
