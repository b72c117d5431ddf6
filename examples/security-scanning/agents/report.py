"""Reporter: one report over all repositories. One that nobody could scan is listed as failed."""

import json
import sys
from typing import Any

from findings import answer

MOST_SHOWN = 500
SEVERITIES = ("critical", "high", "medium", "low", "info")


def main() -> None:
    """Count what was found, and find out which repositories nothing was heard of."""
    inputs = json.load(sys.stdin)["inputs"]
    repositories, items = inputs["repositories"], inputs["found"]["items"]
    failed = failures(repositories, items)
    found = [each for each in items if each["rule"] not in ("scanned", "not-scanned")]
    counts = {name: sum(each["severity"] == name for each in found) for name in SEVERITIES}
    output = {
        **counts,
        "repositories": len(repositories),
        "scanned": len(repositories) - len(failed),
        "failed": failed,
    }
    answer({"output": {**output, "top": found[:20]}, "exhibits": [exhibit(output, found)]})


def failures(repositories: list[str], items: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return every repository that has no line saying it was scanned, and why."""
    done = {each["repository"] for each in items if each["rule"] == "scanned"}
    why = {each["repository"]: each["message"] for each in items if each["rule"] == "not-scanned"}
    unheard = "The agent that should have scanned it gave no answer."
    return [
        {"repository": each, "reason": why.get(each, unheard)}
        for each in dict.fromkeys(repositories)
        if each not in done
    ]


def exhibit(output: dict[str, Any], found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the report as people read it: what failed first, then the worst."""
    failed = [
        {
            "severity": "high",
            "rule": "not-scanned",
            "file": each["repository"],
            "message": each["reason"],
        }
        for each in output["failed"]
    ]
    shown = [*failed, *found[:MOST_SHOWN]]
    content = {**output, "failed": len(failed), "findings": shown}
    left_out = len(found) - min(len(found), MOST_SHOWN)
    return {
        "name": "Security report",
        "kind": "findings",
        "content": {**content, "left_out": left_out},
    }


if __name__ == "__main__":
    main()
