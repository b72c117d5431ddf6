"""Inputs and outputs of runs as people read them: short where they pass by, whole where asked."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

A_LINE = 120
MOST_SHOWN = 200_000
SEVERITIES = ("critical", "high", "major", "medium", "minor", "low", "info")


@dataclass(frozen=True, slots=True)
class Said:
    """A name and a value; `value` is short, `whole` is all of it."""

    name: str
    value: str
    whole: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing an agent found, however its output calls the parts."""

    severity: str
    message: str
    where: str
    rule: str


@dataclass(frozen=True, slots=True)
class Output:
    """A step's output: plain facts, findings worst first, and all of it as JSON."""

    facts: Sequence[Said]
    findings: Sequence[Finding]
    text: str


def counting() -> str:
    """Return how `lasting` writes whole seconds, minutes and hours, for the counters of run.js."""
    return "|".join((_("%(s)d s"), _("%(m)d min %(s)d s"), _("%(h)d h %(m)d min")))


def in_short(inputs: Mapping[str, Any]) -> tuple[Said, ...]:
    """Return the inputs that fit into a line; a path is shown by its last part."""
    return tuple(
        _said(k, v) for k, v in inputs.items() if isinstance(v, str | int | float) and v != ""
    )


def in_full(inputs: Mapping[str, Any]) -> tuple[Said, ...]:
    """Return every input, whatever its shape."""
    return tuple(
        _said(k, json.dumps(v, ensure_ascii=False) if isinstance(v, list | dict) else v)
        for k, v in inputs.items()
    )


def output_of(output: Mapping[str, Any]) -> Output | None:
    """Return how an output is shown, or None when there is none."""
    if not output:
        return None
    lists = {name: value for name, value in output.items() if _are_findings(value)}
    findings = [_finding(item) for items in lists.values() for item in items]
    return Output(
        facts=tuple(_facts(output, lists)),
        findings=tuple(sorted(findings, key=_badness)),
        text=json.dumps(output, indent=2, ensure_ascii=False, default=str)[:MOST_SHOWN],
    )


def _facts(output: Mapping[str, Any], lists: Mapping[str, Any]) -> Iterator[Said]:
    for name, value in output.items():
        if name in lists:
            continue
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


def _are_findings(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, Mapping) and "message" in item for item in value)
    )


def _finding(item: Mapping[str, Any]) -> Finding:
    place = [str(item[key]) for key in ("path", "file", "commit", "line") if item.get(key)]
    return Finding(
        severity=str(item.get("severity", "info")),
        message=str(item["message"]),
        where=":".join(place),
        rule=str(item.get("rule") or item.get("code") or ""),
    )


def _badness(finding: Finding) -> int:
    known = finding.severity in SEVERITIES
    return SEVERITIES.index(finding.severity) if known else len(SEVERITIES)
