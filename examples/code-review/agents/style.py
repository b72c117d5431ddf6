"""Style reviewer: ruff over the Python files that a branch changes, as they are at its head."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from answer import exported, review
from findings import Finding
from repository import Branch, Unusable

# What is broken, as opposed to what could be nicer: syntax, and names that do not exist.
MAJOR = ("invalid-syntax", "E9", "F821", "F822", "F823")
RULES = "E4,E7,E9,F,B"


def check(branch: Branch) -> tuple[Sequence[Finding], dict[str, Any]]:
    """Return ruff's findings. No configuration of the repository takes part."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        names, findings = exported(branch, folder)
        if names:
            findings += [_finding(found, names) for found in _ruff(folder)]
    return findings, {"files": len(names)}


def _ruff(folder: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-I", "-m", "ruff", "check", "--isolated", "--no-cache", "--quiet"]
    options = ["--output-format=json", f"--select={RULES}", "--target-version=py314"]
    done = subprocess.run(
        [*command, *options, "--", str(folder)], capture_output=True, timeout=120, check=False
    )
    if done.returncode not in (0, 1):
        raise Unusable(f"ruff failed: {done.stderr.decode(errors='replace')}")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _finding(found: dict[str, Any], names: dict[str, str]) -> Finding:
    rule = found["code"] or "invalid-syntax"
    return Finding(
        file=names[found["filename"]],
        line=found["location"]["row"],
        rule=rule,
        severity="major" if rule.startswith(MAJOR) else "minor",
        message=found["message"],
    )


if __name__ == "__main__":
    review("Style", check)
