"""What changes between two trees, as data a page can lay out: files, hunks, numbered lines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.runners.git.repository import object_id
from orchestrator.runners.git.view import View, shown

MAX_FILES = 3_000
MAX_LINES = 20_000
MAX_FILE_LINES = 5_000
MAX_LINE = 2_000
PATCH_LIMIT = 8 * 1024 * 1024

# What nobody reads line by line and nothing runs by itself. Anything else that git cannot show
# as lines (a NUL in a shell script is enough) is content that its reviewers did not see.
_MEDIA = frozenset(
    {".avif", ".bmp", ".gif", ".ico", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
    | {".flac", ".mov", ".mp3", ".mp4", ".ogg", ".wav", ".webm"}
    | {".eot", ".otf", ".pdf", ".ttf", ".woff", ".woff2"}
)
_PLAIN_FILE = "100644"

_STATUS = {
    "A": "added",
    "C": "copied",
    "D": "deleted",
    "M": "modified",
    "R": "renamed",
    "T": "type_changed",
}
_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)", re.DOTALL)
_KINDS = {b" ": "context", b"+": "added", b"-": "removed"}


@dataclass(slots=True)
class _Hunk:
    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    section: str
    lines: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Section:
    """The hunks of one `diff --git` part of a patch."""

    binary: bool = False
    hunks: list[_Hunk] = field(default_factory=list)


def difference(view: View, old: str, new: str) -> dict[str, Any]:
    """Return the change from tree `old` to tree `new` as JSON, with every bound it hit named.

    A file too large to be compared counts as binary; sizes are given for those. `truncated`
    stands on each file whose lines are not all there, and on the whole; of binary files that is
    every one that arrives and is not plainly a picture, a font or the like.
    """
    files = _files(view, old, new)
    sections, whole = _sections(view, old, new)
    _attach(files, sections, whole=whole)
    _weigh(view, files)
    kept = files[:MAX_FILES]
    return {
        "old": old,
        "new": new,
        "files": kept,
        "file_count": len(files),
        "added": sum(file["added"] for file in files),
        "removed": sum(file["removed"] for file in files),
        "truncated": len(kept) < len(files) or any(file["truncated"] for file in kept),
    }


def changed_paths(view: View, old: str, new: str) -> list[str]:
    """Return the paths that differ between two trees; a rename counts as two."""
    out = view.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new).out
    return [part.decode("utf-8", "surrogateescape") for part in out.split(b"\0") if part]


def count_files(view: View, old: str, new: str) -> int:
    """Return how many files differ, a rename counting once."""
    out = view.run("diff-tree", "-r", "-z", "--name-only", "-M", old, new).out
    return sum(1 for part in out.split(b"\0") if part)


def _files(view: View, old: str, new: str) -> list[dict[str, Any]]:
    trees = (object_id(old), object_id(new))
    raw = view.run("diff-tree", "-r", "-z", "-M", "--raw", "--full-index", *trees).out.split(b"\0")
    counted = view.run("diff-tree", "-r", "-z", "-M", "--numstat", *_SAFE, *trees).out.split(b"\0")
    return [
        file | numbers
        for file, numbers in zip(_raw(iter(raw)), _numstat(iter(counted)), strict=True)
    ]


def _raw(parts: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for head in parts:
        if not head:
            return
        old_mode, new_mode, old_oid, new_oid, status = head.decode().lstrip(":").split(" ")
        letter = status[0]
        first = shown(next(parts))
        path = shown(next(parts)) if letter in "RC" else first
        yield {
            "path": path,
            "old_path": first,
            "status": _STATUS.get(letter, "modified"),
            "old_mode": old_mode,
            "new_mode": new_mode,
            "old_oid": old_oid,
            "new_oid": new_oid,
        }


def _numstat(parts: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for part in parts:
        if not part:
            return
        added, removed, path = part.split(b"\t", 2)
        if not path:
            next(parts)
            next(parts)
        binary = added == b"-"
        yield {
            "binary": binary,
            "added": 0 if binary else int(added),
            "removed": 0 if binary else int(removed),
            "hunks": [],
            "truncated": False,
        }


# Nothing below may run a program a repository names, nor depend on its configuration.
_SAFE = ("--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short")


def _sections(view: View, old: str, new: str) -> tuple[list[_Section], bool]:
    done = view.run(
        "diff-tree",
        "-r",
        "-p",
        "-M",
        "--full-index",
        *_SAFE,
        "--src-prefix=a/",
        "--dst-prefix=b/",
        old,
        new,
        limit=PATCH_LIMIT,
        settings=_LARGE,
    )
    lines = done.out.split(b"\n")
    if done.truncated:
        lines = lines[:-1]
    return list(_read(iter(lines))), not done.truncated


_LARGE = ("core.bigFileThreshold=8m",)


def _read(lines: Iterator[bytes]) -> Iterator[_Section]:
    section: _Section | None = None
    for line in lines:
        if line.startswith(b"diff --git "):
            if section:
                yield section
            section = _Section()
        elif section and line.startswith(b"Binary files "):
            section.binary = True
        elif section and (found := _HUNK.match(line)):
            section.hunks.append(_hunk(found, lines))
        elif section and section.hunks and line.startswith(b"\\"):
            section.hunks[-1].lines[-1]["newline"] = False
    if section:
        yield section


def _hunk(found: re.Match[bytes], lines: Iterator[bytes]) -> _Hunk:
    old_start, old_lines, new_start, new_lines = (
        int(found[place]) if found[place] is not None else 1 for place in (1, 2, 3, 4)
    )
    hunk = _Hunk(old_start, old_lines, new_start, new_lines, shown(found[5]))
    old, new = old_start, new_start
    while old < old_start + old_lines or new < new_start + new_lines:
        line = next(lines, None)
        if line is None:
            break
        if line.startswith(b"\\"):
            hunk.lines[-1]["newline"] = False
            continue
        kind = _KINDS[line[:1]]
        hunk.lines.append(_line(kind, old, new, line[1:]))
        old += kind != "added"
        new += kind != "removed"
    return hunk


def _line(kind: str, old: int, new: int, text: bytes) -> dict[str, Any]:
    line: dict[str, Any] = {
        "kind": kind,
        "old": None if kind == "added" else old,
        "new": None if kind == "removed" else new,
        "text": shown(text[:MAX_LINE]),
    }
    if len(text) > MAX_LINE:
        line["cut"] = len(text)
    return line


def _attach(files: list[dict[str, Any]], sections: list[_Section], *, whole: bool) -> None:
    remaining, left = iter(sections), MAX_LINES
    for file in files:
        # A change of type (a file becomes a link) is shown by git as a removal and an addition.
        wanted = 2 if file["status"] == "type_changed" else 1
        parts = [part for _ in range(wanted) if (part := next(remaining, None))]
        file["binary"] = file["binary"] or any(part.binary for part in parts)
        hunks = [hunk for part in parts for hunk in part.hunks]
        file["hunks"], used, cut = _bounded(hunks, min(left, MAX_FILE_LINES))
        left -= used
        changed = sum(line["kind"] != "context" for hunk in hunks for line in hunk.lines)
        missing = not whole and not file["binary"] and changed < file["added"] + file["removed"]
        file["truncated"] = cut or missing or _is_unseen(file)


def _is_unseen(file: dict[str, Any]) -> bool:
    arrives = file["binary"] and file["status"] != "deleted"
    is_media = Path(file["path"]).suffix.lower() in _MEDIA and file["new_mode"] == _PLAIN_FILE
    return arrives and not is_media


def _bounded(hunks: list[_Hunk], most: int) -> tuple[list[dict[str, Any]], int, bool]:
    kept: list[dict[str, Any]] = []
    used, cut = 0, False
    for hunk in hunks:
        lines = hunk.lines[: most - used]
        cut = cut or len(lines) < len(hunk.lines) or any("cut" in line for line in lines)
        if lines:
            kept.append(
                {
                    "old_start": hunk.old_start,
                    "old_lines": hunk.old_lines,
                    "new_start": hunk.new_start,
                    "new_lines": hunk.new_lines,
                    "section": hunk.section,
                    "lines": lines,
                }
            )
            used += len(lines)
    return kept, used, cut


def _weigh(view: View, files: list[dict[str, Any]]) -> None:
    """Give binary files their sizes in bytes, None for a side that does not exist."""
    binary = [file for file in files if file["binary"]]
    oids = sorted({file[side] for file in binary for side in ("old_oid", "new_oid")})
    if not oids:
        return
    asked = "\n".join(oids).encode()
    said = view.text("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked)
    sizes = dict(line.split(" ", 1) for line in said.splitlines())
    for file in binary:
        for side in ("old", "new"):
            size = sizes.get(file[f"{side}_oid"], "")
            file[f"{side}_size"] = int(size) if size.isdigit() else None
