"""Runs a project's own tests, as they are, in a process of their own."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from repository import Snapshot

SECONDS = 300
MOST_LOG = 20_000
RAN = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
FAILED = re.compile(r"^FAILED \((.*)\)$", re.MULTILINE)
COUNTED = re.compile(r"\b(?:failures|errors|unexpected successes)=(\d+)")


@dataclass(frozen=True)
class Outcome:
    """How the tests ended: what unittest counted, and the end of what it said."""

    ran: int
    failed: int
    log: str

    @property
    def passed(self) -> bool:
        return self.ran > 0 and self.failed == 0


def laid_out(snapshot: Snapshot, folder: Path) -> Path:
    """Write every file of a commit below `folder`; names that lead elsewhere are left out."""
    for file, data in snapshot.contents(snapshot.files()):
        place = (folder / file.name).resolve()
        if place.is_relative_to(folder.resolve()):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    return folder


def outcome_of(folder: Path, seconds: int = SECONDS) -> Outcome:
    """Run unittest over `folder`. Tests that do not end, or end without a word, have failed."""
    command = [sys.executable, "-B", "-m", "unittest", "discover", "--top-level-directory", "."]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(0, 1, f"The tests did not end within {seconds} seconds.")
    log = done.stderr.decode(errors="replace").replace("\0", "\\x00")
    ran, failed = RAN.search(log), FAILED.search(log)
    counted = sum(map(int, COUNTED.findall(failed[1]))) if failed else 0
    broke = done.returncode != 0 and not counted
    return Outcome(int(ran[1]) if ran else 0, counted + broke, log[-MOST_LOG:])
