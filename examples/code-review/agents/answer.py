"""What every agent of this example has in common: a branch in, findings out."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from export import export_python, unread
from findings import Finding, answer, refuse
from repository import Branch, Unusable, open_branch

SEVERITIES = ("critical", "major", "minor")
MOST_SHOWN = 500
MOST_WORDS = 1_000


Check = Callable[[Branch], tuple[Sequence[Finding], dict[str, Any]]]


def review(name: str, check: Check) -> None:
    """Run `check` over the branch that standard input names and answer with its findings."""
    given = json.load(sys.stdin)
    inputs = given["inputs"]
    try:
        branch = open_branch(inputs["repo"], inputs["branch"], inputs["target"])
        findings, more = check(branch)
    except Unusable as error:
        refuse("repository_unusable", str(error))
        return
    output = {**counts(findings), **more, "head": branch.head}
    shown = [shortened(finding) for finding in by_severity(findings)[:MOST_SHOWN]]
    content = {**output, "findings": shown, "left_out": len(findings) - len(shown)}
    exhibit = {"name": name, "kind": "findings", "content": content, "subject": branch.head}
    answer({"output": output, "exhibits": [exhibit]})


def exported(branch: Branch, folder: Path) -> tuple[dict[str, str], list[Finding]]:
    """Write the Python files that the branch changes below `folder`.

    Return their names by written path, and a finding for each file that is too large.
    """
    names, large = export_python(branch, branch.changed_files(), folder)
    return names, [Finding(file.name, 0, "not-checked", "major", unread(file)) for file in large]


def shortened(finding: Finding) -> dict[str, Any]:
    """Return a finding whose words, which come from the repository, are not endless."""
    short = {name: getattr(finding, name)[:MOST_WORDS] for name in ("file", "message")}
    return asdict(finding) | short


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings there are of each severity."""
    counted = Counter(finding.severity for finding in set(findings))
    return {severity: counted[severity] for severity in SEVERITIES}


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Return each finding once, the worst first."""
    return sorted(set(findings), key=lambda f: (SEVERITIES.index(f.severity), f))
