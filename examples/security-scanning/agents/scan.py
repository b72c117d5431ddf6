"""Scanner: bandit and named detectors of secrets over the last commit of each repository.

Every repository gives at least one line: what was found, and then either that it was scanned or
that it could not be. So one that is missing from the report was never looked at.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from findings import Finding, answer
from repository import Unusable, open_snapshot
from scanning import scan

MOST_FINDINGS = 500
MOST_WORDS = 1_000


def main() -> None:
    """Scan the repositories of this shard, one after the other."""
    repositories = json.load(sys.stdin)["inputs"]["repositories"]
    answer({"output": {"findings": [line for each in repositories for line in scanned(each)]}})


def scanned(repository: str) -> list[dict[str, Any]]:
    """Return a repository's findings, the worst first; those of a broken one say so."""
    try:
        snapshot = open_snapshot(repository)
        found = scan(snapshot)
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


if __name__ == "__main__":
    main()
