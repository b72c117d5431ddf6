"""What the members of the team have in common: their task, and what others brought before."""

import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from findings import answer, refuse
from repository import Snapshot, Unusable, open_snapshot
from testing import Outcome, laid_out, outcome_of

SECONDS = 120


@dataclass(frozen=True)
class Task:
    """One turn: what the pattern asks, and the repository it is about."""

    repository: str
    branch: str
    asked: Mapping[str, Any]

    def snapshot(self, commit: str = "") -> Snapshot:
        """Return the branch as it is now, or as it was at a commit."""
        branch = "" if commit else self.branch
        return open_snapshot(self.repository, branch=branch, commit=commit)

    def brought_by(self, agent: str) -> Mapping[str, Any]:
        """Return what a member brought last; nothing when it was not asked or failed."""
        results = [each for each in self.asked["results"].values() if each["agent"] == agent]
        last = max(results, key=lambda each: each["round"], default={"state": "", "output": {}})
        output: Mapping[str, Any] = last["output"] if last["state"] == "succeeded" else {}
        return output


def take(act: Callable[[Task], dict[str, Any]]) -> None:
    """Read the task from standard input, and answer with what `act` makes of it."""
    given = json.load(sys.stdin)
    inputs = given["inputs"]
    try:
        answer(act(Task(inputs["repository"], inputs["branch"], given["task"])))
    except Unusable as error:
        refuse("repository_unusable", str(error))


def run_tests(snapshot: Snapshot, instead: Mapping[str, str] | None = None) -> Outcome:
    """Run the suite of a commit, with the text of some files replaced; paths are relative."""
    with tempfile.TemporaryDirectory() as made:
        folder = laid_out(snapshot, Path(made).resolve())
        for name, text in (instead or {}).items():
            (folder / name).write_text(text)
        outcome = outcome_of(folder, SECONDS)
        return Outcome(outcome.ran, outcome.failed, outcome.log.replace(f"{folder}/", ""))


def exhibit(name: str, found: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return evidence for people."""
    return {"name": name, "kind": "findings", "content": {**more, "findings": found}}
