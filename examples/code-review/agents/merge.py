"""Integrator: proposes to merge the branch that was reviewed. It cannot merge anything itself."""

import json
import sys
from typing import Any

from answer import SEVERITIES
from findings import answer, refuse
from repository import Unusable, open_branch


def main() -> None:
    """Propose `git.merge`, unless the branch is no longer the one the reviewers saw."""
    given = json.load(sys.stdin)
    inputs = given["inputs"]
    reviews = {name: step["outputs"] for name, step in given["context"]["steps"].items()}
    try:
        head = open_branch(inputs["repo"], inputs["branch"], inputs["target"]).head
    except Unusable as error:
        refuse("repository_unusable", str(error))
        return
    stale = sorted(name for name, seen in reviews.items() if seen.get("head") != head)
    if stale or not reviews:
        detail = f"The branch moved after {', '.join(stale) or 'nobody'} looked; start a new run."
        refuse("branch_moved", detail)
        return
    proposal = {
        "tool": "git.merge",
        "arguments": {
            "repository": inputs["repo"],
            "source": inputs["branch"],
            "target": inputs["target"],
        },
        "rationale": rationale(reviews),
    }
    answer({"output": {"head": head}, "proposals": [proposal]})


def rationale(reviews: dict[str, Any]) -> str:
    """Say what each reviewer found, in one line."""
    told = []
    for name, seen in sorted(reviews.items()):
        counted = [f"{seen[severity]} {severity}" for severity in SEVERITIES if seen.get(severity)]
        told.append(f"{name}: {', '.join(counted) or 'nothing found'}")
    return f"Reviewed at {next(iter(reviews.values()))['head'][:12]}. {'; '.join(told)}."


if __name__ == "__main__":
    main()
