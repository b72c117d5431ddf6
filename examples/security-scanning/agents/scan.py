"""Scanner: bandit and named detectors of secrets over the last commit of each repository.

Every repository gives at least one line: what was found, and then either that it was scanned or
that it could not be. So one that is missing from the report was never looked at.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detectors import masked, secrets_in
from export import MOST_BYTES, export_python, unread
from findings import Finding, answer
from holes import Hole, holes_in
from repository import Snapshot, Unusable, open_snapshot

MOST_FINDINGS = 500
MOST_WORDS = 1_000
SEVERITIES = ("critical", "high", "medium", "low", "info")
OF_BANDIT = {"HIGH": "high", "MEDIUM": "medium", "LOW": "low"}


def main() -> None:
    """Scan the repositories of this shard, one after the other."""
    repositories = json.load(sys.stdin)["inputs"]["repositories"]
    answer({"output": {"findings": [line for each in repositories for line in scanned(each)]}})


def scanned(repository: str) -> list[dict[str, Any]]:
    """Return a repository's findings, the worst first; those of a broken one say so."""
    try:
        snapshot = open_snapshot(repository)
        found = sorted(set(look(snapshot)), key=lambda f: (SEVERITIES.index(f.severity), f))
    except (Unusable, OSError, ValueError, subprocess.SubprocessError) as error:
        return [told(repository, Finding("", 0, "not-scanned", "unknown", str(error)))]
    kept = found[:MOST_FINDINGS]
    message = (
        f"Scanned at {snapshot.head[:12]}: {len(found)} found, {len(found) - len(kept)} not shown"
    )
    summary = Finding("", 0, "scanned", "info", message)
    return [told(repository, finding) for finding in (*kept, summary)]


def told(repository: str, finding: Finding) -> dict[str, Any]:
    """Return a finding as the report takes it; its words come from the repository."""
    where = Path(repository).name
    return {
        "repository": repository,
        "file": f"{where}/{finding.file}"[:MOST_WORDS] if finding.file else where,
        "line": finding.line,
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message[:MOST_WORDS],
    }


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


if __name__ == "__main__":
    main()
