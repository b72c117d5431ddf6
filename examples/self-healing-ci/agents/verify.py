"""Verifier: runs the suite once more to say whether it passes. It is no member of the team."""

from typing import Any

from team import Task, run_tests, take


def verify(task: Task) -> dict[str, Any]:
    """Return whether the criterion holds at the head of the branch."""
    snapshot = task.snapshot()
    outcome = run_tests(snapshot)
    counted = f"{outcome.failed} of {outcome.ran} tests fail at {snapshot.head[:12]}."
    return {"output": {"met": outcome.passed, "reason": counted}}


if __name__ == "__main__":
    take(verify)
