"""Diagnostician: reads the tracebacks of the test run and says whether a remedy is known.

`minor` means that every failure has one; then the first of them is handed on. Anything else, and
any fault inside the tests themselves, is `complex` and a person's to understand.
"""

from dataclasses import asdict
from typing import Any

from remedies import Remedy, remedy_for
from repository import Snapshot
from team import Task, exhibit, run_tests, take
from tracebacks import Failure, failures_in

MOST_TOLD = 20


def diagnose(task: Task) -> dict[str, Any]:
    """Return the diagnosis and the remedy, and show people what it rests on."""
    seen = task.brought_by("reproduce")
    snapshot = task.snapshot(seen.get("head", ""))
    log = seen.get("log") or run_tests(snapshot).log
    failures = failures_in(log)
    sources = sources_of(snapshot)
    remedies = [remedy_for(failure, sources) for failure in failures]
    kind, reason = verdict(failures, remedies)
    remedy = remedies[0] if kind == "minor" else None
    told = [
        {
            "severity": "critical",
            "rule": failure.kind,
            "file": failure.path,
            "line": failure.line,
            "message": failure.said,
            "remedy": found.after.strip() if found else "none known",
        }
        for failure, found in zip(failures[:MOST_TOLD], remedies[:MOST_TOLD], strict=True)
    ]
    output = {
        "kind": kind,
        "reason": reason,
        "head": snapshot.head,
        "error": f"{failures[0].kind}: {failures[0].said}" if failures else "",
        "remedy": asdict(remedy) if remedy else {},
    }
    shown = exhibit("Diagnosis", told, kind=kind, reason=reason)
    return {"output": output, "exhibits": [shown]}


def verdict(failures: list[Failure], remedies: list[Remedy | None]) -> tuple[str, str]:
    """Return how grave it is, in a word and in a sentence."""
    if not failures:
        return "complex", "The suite fails without a traceback; look at the test run."
    for failure, remedy in zip(failures, remedies, strict=True):
        if remedy is None:
            return "complex", f"No remedy is known: {failure}"
        if failure.path.startswith("tests/"):
            return "complex", f"The fault is in a test, and tests are people's: {failure}"
    return "minor", f"{failures[0]}. {remedies[0].why if remedies[0] else ''}"


def sources_of(snapshot: Snapshot) -> dict[str, str]:
    """Return the Python files of a commit."""
    python = [file for file in snapshot.files() if file.path.endswith(b".py")]
    return {file.name: data.decode(errors="replace") for file, data in snapshot.contents(python)}


if __name__ == "__main__":
    take(diagnose)
