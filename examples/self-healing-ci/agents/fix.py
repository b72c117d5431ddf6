"""Fixer: tries the remedy in a copy, and proposes it as a commit if the failure is gone.

It cannot write to the repository. Policy judges the commit: how large it is, whether it touches
tests, whether the branch is protected.
"""

from typing import Any

from team import Task, run_tests, take


def fix(task: Task) -> dict[str, Any]:
    """Return what was proposed, or why nothing was."""
    diagnosis = task.brought_by("diagnose")
    remedy = diagnosis.get("remedy")
    if not remedy:
        return nothing("There is no diagnosis with a remedy to go by.")
    snapshot = task.snapshot()
    if snapshot.head != diagnosis["head"]:
        return nothing("The branch moved since the diagnosis.")
    files = {file.name: file for file in snapshot.files()}
    lines = snapshot.content(files[remedy["path"]]).decode().split("\n")
    if lines[remedy["line"] - 1].rstrip("\r") != remedy["before"]:
        return nothing("The line is not the one that was diagnosed.")
    lines[remedy["line"] - 1] = remedy["after"]
    text = "\n".join(lines)
    outcome = run_tests(snapshot, {remedy["path"]: text})
    if not outcome.passed and diagnosis["error"] in outcome.log:
        return nothing("The remedy was tried in a copy and does not help.")
    message = f"Mend {remedy['path']}: {diagnosis['error']}\n\n{remedy['why']}"
    arguments = {
        "repository": task.repository,
        "branch": task.branch,
        "base": snapshot.head,
        "message": message[:2000],
        "files": [{"path": remedy["path"], "text": text}],
    }
    rationale = f"{remedy['why']} In a copy, {outcome.failed} of {outcome.ran} tests fail with it."
    return {
        "output": {"applied": True, "reason": rationale},
        "proposals": [{"tool": "git.commit", "arguments": arguments, "rationale": rationale}],
    }


def nothing(reason: str) -> dict[str, Any]:
    """Return that nothing was done, and why."""
    return {"output": {"applied": False, "reason": reason}}


if __name__ == "__main__":
    take(fix)
