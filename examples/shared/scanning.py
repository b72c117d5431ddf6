"""Looks through a whole commit: bandit over its Python files, detectors of secrets over all."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from detectors import masked, secrets_in
from export import MOST_BYTES, export_python, unread
from findings import Finding
from holes import Hole, holes_in
from repository import Snapshot

SEVERITIES = ("critical", "high", "medium", "low", "info")
OF_BANDIT = {"HIGH": "high", "MEDIUM": "medium", "LOW": "low"}


def scan(snapshot: Snapshot) -> list[Finding]:
    """Return what both kinds of look find, each finding once, the worst first."""
    return sorted(set(look(snapshot)), key=lambda f: (SEVERITIES.index(f.severity), f))


def look(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield what both kinds of look find in the files of the last commit."""
    files = snapshot.files()
    for file in files:
        if file.size > MOST_BYTES:
            yield Finding(file.name, 0, "not-checked", "low", unread(file))
    readable = [file for file in files if file.size <= MOST_BYTES]
    for file, data in snapshot.contents(readable):
        for number, text in enumerate(data.split(b"\n"), 1):
            for detector, secret in secrets_in(text):
                message = f"{detector.what} {masked(detector, secret)} is in this file"
                yield Finding(file.name, number, detector.rule, "critical", message)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        names, _ = export_python(snapshot, readable, folder)
        if names:
            yield from map(finding_of, holes_in(folder, names))


def finding_of(hole: Hole) -> Finding:
    """Return bandit's word as ours; what it is sure of is critical, what it cannot read high."""
    severity = "critical" if hole.is_certain else OF_BANDIT.get(hole.severity, "high")
    return Finding(hole.file, hole.line, hole.rule, severity, hole.message)
