"""Lays a difference out for the page: lines in blocks, so that removed and added can face."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

NOTHING = "000000"
SIGNS = {"added": "+", "removed": "\N{MINUS SIGN}", "context": ""}


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `old` and `new` are its numbers on either side."""

    kind: str
    old: int | None
    new: int | None
    text: str
    sign: str
    note: str


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together: all unchanged, or removed and added ones."""

    changed: bool
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Hunk:
    """A stretch of one file."""

    header: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class DiffFile:
    """One file that changes. `note` says what lines cannot: renamed, new, made executable."""

    path: str
    old_path: str
    note: str
    added: int
    removed: int
    binary: bool
    truncated: bool
    hunks: Sequence[Hunk]


@dataclass(frozen=True, slots=True)
class Diff:
    """The whole difference, ready for components/diff.html."""

    files: Sequence[DiffFile]
    added: int
    removed: int
    truncated: bool


def laid_out(content: Mapping[str, Any]) -> Diff | None:
    """Return the difference ready to show, or None when `content` is not one.

    An agent may attach anything under the name of a diff; the page then shows it as it is.
    """
    try:
        files = [_file(each) for each in content["files"]]
        return Diff(files, content["added"], content["removed"], bool(content["truncated"]))
    except (AttributeError, KeyError, TypeError):
        return None


def _file(file: Mapping[str, Any]) -> DiffFile:
    return DiffFile(
        path=file["path"],
        old_path=file["old_path"],
        note=_note(file),
        added=file["added"],
        removed=file["removed"],
        binary=file["binary"],
        truncated=file["truncated"],
        hunks=[_hunk(hunk) for hunk in file["hunks"]],
    )


def _note(file: Mapping[str, Any]) -> str:
    words = {
        "added": _("new file"),
        "deleted": _("deleted"),
        "renamed": _("renamed"),
        "copied": _("copied"),
        "type_changed": _("type changed"),
    }
    notes = [words.get(file["status"], ""), _mode_note(file["old_mode"], file["new_mode"])]
    if file["binary"]:
        notes.append(_("binary, %(size)s") % {"size": filesizeformat(file.get("new_size") or 0)})
    return ", ".join(note for note in notes if note)


def _mode_note(old: str, new: str) -> str:
    """Say what a path is or becomes beside its lines, unless it is and stays a plain file."""
    if new in (NOTHING, old):
        return ""
    if old != NOTHING:
        return _("mode %(old)s, now %(new)s") % {"old": old, "new": new}
    words = {
        "100644": "",
        "100755": _("executable"),
        "120000": _("symbolic link"),
        "160000": _("submodule"),
    }
    return words.get(new, new)


def _hunk(hunk: Mapping[str, Any]) -> Hunk:
    place = "@@ -{old_start},{old_lines} +{new_start},{new_lines} @@".format_map(hunk)
    header = f"{place} {hunk['section']}".strip()
    return Hunk(header, list(_blocks([_line(line) for line in hunk["lines"]])))


def _line(line: Mapping[str, Any]) -> Line:
    note = ""
    if line.get("newline") is False:
        note = _("no newline at the end")
    if line.get("cut"):
        note = _("%(n)d bytes; the rest is not shown") % {"n": line["cut"]}
    kind = line["kind"]
    return Line(kind, line["old"], line["new"], line["text"], SIGNS[kind], note)


def _blocks(lines: Sequence[Line]) -> Iterator[Block]:
    for changed, block in groupby(lines, key=lambda line: line.kind != "context"):
        yield Block(changed, list(block))
