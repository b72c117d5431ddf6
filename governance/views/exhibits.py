"""How an exhibit is shown: a diff as a diff, findings as findings, anything else as data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from governance.presentation import MOST_FINDINGS
from governance.selectors.gate_view import ExhibitView, NamedValue, in_letters
from governance.views.diffs import Diff, laid_out
from governance.views.portions import MOST_CHARACTERS, Room, portions

KNOWN_SEVERITY = ("severity", "level")
KNOWN_MESSAGE = ("message", "text", "detail")
KNOWN_PLACE = ("path", "file", "filename")
KNOWN_RULE = ("rule", "code", "id")
LINE = "line"
SIMPLE = str | int | float
# More values than these are shown as one: a row of markup for each would flood the page.
MOST_VALUES = 20


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

    `more` is what the better layout has no place for: nothing that is attached is left out
    unless `hidden` says how many rows are not on this page. `pages` is how many portions it has.
    """

    exhibit: ExhibitView
    template: str
    diff: Diff | None = None
    commits: Sequence[Mapping[str, Any]] = ()
    findings: Sequence[Finding] = ()
    more: Sequence[NamedValue] = ()
    data: str = ""
    hidden: int = 0
    pages: int = 1

    @property
    def is_claim(self) -> bool:
        """Whether it is only somebody's word, and drawn so."""
        return self.exhibit.trust != "tool"

    @property
    def is_flush(self) -> bool:
        """Whether its layout brings its own padding."""
        return self.template in ("gates/commits.html", "gates/findings.html")


def shown(exhibits: Sequence[ExhibitView]) -> list[ShownExhibit]:
    """Return exhibits in their order, each with how to show it and as much as fits on the page."""
    room = Room()
    return [_begun(exhibit, room) for exhibit in exhibits]


def portion(exhibit: ExhibitView, number: int) -> ShownExhibit | None:
    """Return one portion of an exhibit, counted from 1, or None when it has no such portion."""
    kind, rows = _rows(exhibit)
    cut = portions(rows)
    if not 1 <= number <= len(cut):
        return None
    return _shown(exhibit, kind, cut[number - 1], pages=len(cut))


def _begun(exhibit: ExhibitView, room: Room) -> ShownExhibit:
    kind, rows = _rows(exhibit)
    first, *others = portions(rows)
    if exhibit.trust == "tool":
        whole = kind != "findings"
        first = rows if whole else rows[:MOST_FINDINGS]
    elif not room.take(first):
        first = ()
    return _shown(exhibit, kind, first, hidden=len(rows) - len(first), pages=1 + len(others))


def _rows(exhibit: ExhibitView) -> tuple[str, Sequence[Any]]:
    """Return what the exhibit is a list of, and the list: rows of a layout, or lines of text."""
    content = exhibit.content
    for kind, known in (("commits", ("commits", "count")), ("findings", ("findings",))):
        named = kind != "commits" or exhibit.kind == kind
        if named and _holds(content, kind) and _is_small(content, known):
            return kind, content[kind]
    if exhibit.trust == "tool" and _is_flat(content):
        return "values", list(content.items())
    return "data", _text(content).split("\n")


def _is_small(content: Mapping[str, Any], known: Sequence[str]) -> bool:
    rest = {name: value for name, value in content.items() if name not in known}
    return len(json.dumps(rest)) <= MOST_CHARACTERS


def _shown(
    exhibit: ExhibitView, kind: str, rows: Sequence[Any], *, hidden: int = 0, pages: int = 1
) -> ShownExhibit:
    content = exhibit.content
    cut = partial(ShownExhibit, hidden=hidden, pages=pages)
    # Only what the control plane computed is laid out as a change: an agent's could leave out
    # what it does not want read, or pass for the real one.
    computed = exhibit.kind == "diff" and exhibit.trust == "tool"
    if computed and (diff := laid_out(content)):
        return ShownExhibit(exhibit, "gates/diff.html", diff=diff)
    if kind == "commits":
        more = _rest(content, "commits", "count")
        return cut(exhibit, "gates/commits.html", commits=rows, more=more)
    if kind == "findings":
        findings = [_finding(each) for each in rows]
        return cut(exhibit, "gates/findings.html", findings=findings, more=_rest(content, kind))
    if kind == "values":
        values = [NamedValue(name, _said(value), in_letters(name)) for name, value in rows]
        return cut(exhibit, "gates/values.html", more=values)
    return cut(exhibit, "gates/data.html", data="\n".join(rows))


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
    rest = {
        str(name): value
        for name, value in content.items()
        if name not in known and value not in (None, "", [], {})
    }
    if len(rest) > MOST_VALUES:
        return [NamedValue(_("Everything else"), _text(rest))]
    return [NamedValue(name, _said(value), in_letters(name)) for name, value in rest.items()]


def _is_flat(content: Mapping[str, Any]) -> bool:
    """Whether it is nothing but a few values, each of which one line tells whole."""
    simple = (isinstance(v, SIMPLE) and "\n" not in str(v) for v in content.values())
    return 0 < len(content) <= MOST_VALUES and all(simple)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return value if isinstance(value, str) else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
