"""Reproducer: runs the suite at the head of the branch, and brings what it said."""

from typing import Any

from team import Task, exhibit, run_tests, take


def reproduce(task: Task) -> dict[str, Any]:
    """Return how many tests ran and failed, and the log."""
    snapshot = task.snapshot()
    outcome = run_tests(snapshot)
    counts = {"ran": outcome.ran, "errors": outcome.failed, "passed": outcome.passed}
    told = {"severity": "critical", "rule": "tests", "message": outcome.log[-4000:]}
    shown = exhibit("Test run", [] if outcome.passed else [told], **counts, head=snapshot.head)
    return {"output": {**counts, "head": snapshot.head, "log": outcome.log}, "exhibits": [shown]}


if __name__ == "__main__":
    take(reproduce)
