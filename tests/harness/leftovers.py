"""Processes that outlive the run of tests that started them; there must be none."""

import os
import time
from pathlib import Path

MARK = "COUNTERSIGN_TESTS_RUN"
# pytest names the test here that runs just then, so whoever inherits it was started by that one.
CURRENT = "PYTEST_CURRENT_TEST"
PATIENCE_SECONDS = 60.0
# What multiprocessing starts beside a process, and what ends with it: here with pytest itself.
TRACKER = b"multiprocessing.resource_tracker"


def mark() -> None:
    """Make every process known by its environment that this one starts from now on."""
    os.environ.setdefault(MARK, os.urandom(8).hex())


def left(patience: float = PATIENCE_SECONDS) -> dict[int, str]:
    """Return the test that started it by the id of each process that does not end in time.

    Who gave up its environment, or is another user's, is not seen; nor is anybody without /proc.
    """
    deadline = time.monotonic() + patience
    while (running := _running()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return running


def _running() -> dict[int, str]:
    ours = f"{MARK}={os.environ[MARK]}"
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            said = (place / "environ").read_bytes().decode(errors="replace").split("\0")
            is_tracker = TRACKER in (place / "cmdline").read_bytes()
        except OSError:
            continue
        test = next((word for word in said if word.startswith(f"{CURRENT}=")), "")
        if ours in said and test and not is_tracker:
            found[int(place.name)] = test.partition("=")[2]
    return found
