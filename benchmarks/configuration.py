"""What every benchmark prints of the commit and the machine it measured on."""

import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def print_commit_and_machine(*told: str) -> None:
    """Print the commit with the first of what is `told`, the rest of it, and the machine."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"commit {commit.stdout.strip()}, {told[0]}", *told[1:], sep="\n")
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
