"""How an exhibit is shown: a diff as a diff, findings as findings, anything else as data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance.selectors.gate_view import ExhibitView, NamedValue
from governance.views.diffs import Diff, laid_out

KNOWN_SEVERITY = ("severity", "level")
KNOWN_MESSAGE = ("message", "text", "detail")
KNOWN_PLACE = ("path", "file", "filename")
KNOWN_RULE = ("rule", "code", "id")
LINE = "line"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing an agent or a check says about the change. `more` is all else it says."""

    severity: str
    message: str
    where: str
    rule: str
    more: Sequence[NamedValue]


@dataclass(frozen=True, slots=True)
class ShownExhibit:
    """An exhibit with the template that fits it.

    `more` is what the better layout has no place for: nothing that is attached is left out.
    """

    exhibit: ExhibitView
    template: str
    diff: Diff | None = None
    commits: Sequence[Mapping[str, Any]] = ()
    findings: Sequence[Finding] = ()
    more: Sequence[NamedValue] = ()
    data: str = ""

    @property
    def is_flush(self) -> bool:
        """Whether its layout brings its own padding."""
        return self.template in ("gates/commits.html", "gates/findings.html")


def shown(exhibits: Sequence[ExhibitView]) -> list[ShownExhibit]:
    """Return exhibits in their order, each with how to show it."""
    return [_shown(exhibit) for exhibit in exhibits]


def _shown(exhibit: ExhibitView) -> ShownExhibit:
    content = exhibit.content
    # Only what the control plane computed is laid out as a change: an agent's could leave out
    # what it does not want read, or pass for the real one.
    computed = exhibit.kind == "diff" and exhibit.trust == "tool"
    if computed and (diff := laid_out(content)):
        return ShownExhibit(exhibit, "gates/diff.html", diff=diff)
    if exhibit.kind == "commits" and _holds(content, "commits"):
        more = _rest(content, "commits", "count")
        return ShownExhibit(exhibit, "gates/commits.html", commits=content["commits"], more=more)
    if _holds(content, "findings"):
        findings = [_finding(each) for each in content["findings"]]
        more = _rest(content, "findings")
        return ShownExhibit(exhibit, "gates/findings.html", findings=findings, more=more)
    return ShownExhibit(exhibit, "gates/data.html", data=_text(content))


def _holds(content: Mapping[str, Any], name: str) -> bool:
    rows = content.get(name)
    return isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows)


def _finding(found: Mapping[str, Any]) -> Finding:
    place = _first(found, KNOWN_PLACE)
    line = str(found.get(LINE) or "")
    known = (*KNOWN_SEVERITY, *KNOWN_MESSAGE, *KNOWN_PLACE, *KNOWN_RULE, LINE)
    return Finding(
        severity=_first(found, KNOWN_SEVERITY) or "info",
        message=_first(found, KNOWN_MESSAGE),
        where=f"{place}:{line}" if place and line else place or line,
        rule=_first(found, KNOWN_RULE),
        more=_rest(found, *known),
    )


def _first(found: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((str(found[name]) for name in names if found.get(name)), "")


def _rest(content: Mapping[str, Any], *known: str) -> list[NamedValue]:
    return [
        NamedValue(str(name), value if isinstance(value, str) else _text(value))
        for name, value in content.items()
        if name not in known and value not in (None, "", [], {})
    ]


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
