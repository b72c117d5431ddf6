"""A repository's program laid out in a folder of its own, and run there."""

import re
import subprocess
import sys
from pathlib import Path

from repository import Unusable, open_snapshot

SECONDS = 240
MOST_BYTES = 1_000_000
MOST_FILES = 2_000
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}"
PLAIN = re.compile(rf"(?:{_NAME}/){{0,10}}{_NAME}\Z")
WORKLOAD = "workload.py"


def lay_out(repository: str, folder: Path) -> Path:
    """Write the files of the last commit that have plain names; raises Unusable."""
    snapshot = open_snapshot(repository)
    files = [each for each in snapshot.files() if PLAIN.match(each.name)][:MOST_FILES]
    for file, data in snapshot.contents([each for each in files if each.size <= MOST_BYTES]):
        place = folder / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    if not (folder / WORKLOAD).is_file():
        raise Unusable(f"The repository has no {WORKLOAD}, so there is nothing to measure.")
    return folder


def run_python(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run this Python in the folder; raises Unusable when it takes too long."""
    try:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env={"PATH": "", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise Unusable(f"{' '.join(arguments[:3])} took more than {SECONDS} s.") from late


def tests_pass(folder: Path) -> bool:
    """Whether the repository's own tests pass."""
    return run_python(folder, "-m", "unittest", "discover", "-q").returncode == 0
