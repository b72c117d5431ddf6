"""Measurer: makes the agreed change in a copy, runs the tests, times the workload both ways."""

import difflib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from changes import changed
from findings import answer, refuse
from project import PLAIN, WORKLOAD, lay_out, run_python, tests_pass
from repository import Unusable

RUNS = 5


def main() -> None:
    """Measure the change that the experts agreed on."""
    inputs = json.load(sys.stdin)["inputs"]
    with tempfile.TemporaryDirectory() as made:
        try:
            answer(measured(inputs["repository"], inputs["change"], Path(made).resolve()))
        except (Unusable, OSError, ValueError, SyntaxError, subprocess.SubprocessError) as error:
            refuse("not_measured", str(error))


def measured(repository: str, change: dict[str, Any], made: Path) -> dict[str, Any]:
    """Return medians of alternating runs before and after, and the change as a patch."""
    before, after = (lay_out(repository, made / name) for name in ("before", "after"))
    name = str(change["file"])
    if not PLAIN.match(name):
        raise Unusable("The change is not about a file of the repository.")
    old = (before / name).read_text()
    new = changed(old, str(change["function"]), str(change["kind"]))
    (after / name).write_text(new)
    times = [(timed(before), timed(after)) for _ in range(RUNS)]
    before_ms, after_ms = (round(statistics.median(column)) for column in zip(*times, strict=True))
    output = {
        "before_ms": before_ms,
        "after_ms": after_ms,
        "tests_pass": tests_pass(after),
        "tests_passed_before": tests_pass(before),
        "runs": RUNS,
    }
    diff = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    )
    content = {**output, "change": change, "patch": "".join(diff)}
    return {
        "output": {**output, "patch": "".join(content["patch"])},
        "exhibits": [{"name": "Measurement", "kind": "data", "content": content}],
    }


def timed(folder: Path) -> float:
    """Return how many milliseconds of a processor the workload takes, and Python to start.

    What other programs of a busy machine take does not count.
    """
    began = spent()
    done = run_python(folder, WORKLOAD)
    if done.returncode:
        raise Unusable(f"The workload failed: {done.stderr[-500:]}")
    return (spent() - began) * 1000


def spent() -> float:
    """Return how many seconds of a processor everything took that was started here."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
