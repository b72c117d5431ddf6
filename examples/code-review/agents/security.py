"""Security reviewer: bandit over the changed Python files, detectors over every added line."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from answer import exported, review
from detectors import masked, secrets_in
from findings import Finding
from holes import Hole, holes_in
from repository import Branch, TooLarge, readable

MOST_PATCH = 64_000_000
HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def check(branch: Branch) -> tuple[Sequence[Finding], dict[str, Any]]:
    """Return what both kinds of look found, and how many secrets there are."""
    secrets = set(_secrets(branch))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        names, findings = exported(branch, folder)
        if names:
            findings += map(_finding, holes_in(folder, names))
    found = sum(finding.severity == "critical" for finding in secrets)
    return [*findings, *secrets], {"files": len(names), "secrets": found}


def _finding(hole: Hole) -> Finding:
    severity = "critical" if hole.is_certain else "minor" if hole.severity == "LOW" else "major"
    return Finding(hole.file, hole.line, hole.rule, severity, hole.message)


def _secrets(branch: Branch) -> Iterator[Finding]:
    """Look at the branch as a whole, then commit by commit: history is merged too."""
    left, known = MOST_PATCH, set()
    commits = branch.git("rev-list", "--no-merges", branch.head, f"^{branch.target}").decode()
    ranges = [(branch.base, branch.head), *(("--root", each) for each in commits.split())]
    for arguments in ranges:
        try:
            patch = branch.patch("--no-commit-id", *arguments, most=left)
        except TooLarge:
            message = "The branch is larger than this agent reads; look at the rest yourself."
            yield Finding("", 0, "not-checked", "major", message)
            return
        left -= len(patch)
        found = list(_in_patch(patch, arguments))
        yield from (finding for finding, secret in found if secret not in known)
        if arguments == ranges[0]:
            known = {secret for _, secret in found}


def _in_patch(patch: bytes, arguments: tuple[str, str]) -> Iterator[tuple[Finding, bytes]]:
    since, commit = arguments
    where = f"in commit {commit[:12]}, and so in the history" if since == "--root" else "here"
    for path, line, text in added_lines(patch):
        for detector, secret in secrets_in(text):
            message = f"{detector.what} {masked(detector, secret)} is added {where}"
            yield Finding(path, line, detector.rule, "critical", message), secret


def added_lines(patch: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Yield path, line number and text of every added line of a patch without context."""
    path, lines = "", iter(patch.split(b"\n"))
    for line in lines:
        if line.startswith(b"+++ "):
            path = _path(line)
        elif hunk := HUNK.match(line):
            removed, start, added = hunk[1], int(hunk[2]), hunk[3]
            left = int(removed or 1) + int(added or 1)
            while left and (inside := next(lines, None)) is not None:
                if inside.startswith(b"+"):
                    yield path, start, inside[1:]
                    start += 1
                left -= not inside.startswith(b"\\")


def _path(line: bytes) -> str:
    name = line.removeprefix(b"+++ ").rstrip(b"\t")
    if name.startswith(b'"'):
        # git quotes odd names as C does; Python reads the same escapes.
        name = name[1:-1].decode("unicode_escape").encode("latin-1")
    return readable(name.removeprefix(b"b/"))


if __name__ == "__main__":
    review("Security", check)
