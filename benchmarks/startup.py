#!/usr/bin/env python3
"""Time from the README's first command to Ready: cold (a fresh clone) and warm (run again).

    python3 benchmarks/startup.py [--runs 5]

Cold begins without `.venv` and with empty caches of uv and pip, so it measures the network and
the package index too. Every run loads the demo into an empty data directory, as the first start
does; warm runs also repeat on a data directory that is in use already. Standard library only.
"""

import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from configuration import ROOT, print_commit_and_machine

READY = "Countersign is ready."
# The package index of this machine, if it has one of its own, is part of its configuration.
KEPT = ("PATH", "LANG", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT", "PIP_CONFIG_FILE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    print_configuration(runs)
    with tempfile.TemporaryDirectory(prefix="cs-bench-") as name:
        place = Path(name)
        clone = place / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        report("cold: no .venv, no caches, demo loaded", [cold(clone, place) for _ in range(runs)])
        report("warm: .venv there, demo loaded", [first(clone, place) for _ in range(runs)])
        used = place / "used"
        until_ready(clone, used, place)
        report(
            "warm: data directory in use", [until_ready(clone, used, place) for _ in range(runs)]
        )


def print_configuration(runs: int) -> None:
    print_commit_and_machine(f"{runs} runs, median (min to max)")
    print(f"load average at the start {os.getloadavg()[0]:.2f}\n")


def cold(clone: Path, place: Path) -> float:
    """Start in the clone as if it had just been made."""
    shutil.rmtree(clone / ".venv", ignore_errors=True)
    shutil.rmtree(place / "home", ignore_errors=True)
    return first(clone, place)


def first(clone: Path, place: Path) -> float:
    """Start with an empty data directory."""
    data = place / "data"
    shutil.rmtree(data, ignore_errors=True)
    return until_ready(clone, data, place)


def until_ready(clone: Path, data: Path, place: Path) -> float:
    """Return the seconds from the command to the Ready block; stop everything again."""
    home = place / "home"
    home.mkdir(exist_ok=True)
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", *options(data)],
        cwd=clone,
        env=environment | {"HOME": str(home), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seconds = listen(process, started)
    process.send_signal(signal.SIGINT)
    process.communicate()
    if process.returncode:
        sys.exit(f"up ended with exit {process.returncode}")
    return seconds


def options(data: Path) -> list[str]:
    """Return the options of `up`, with a port that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return ["--data-dir", str(data), "--port", str(port), "--no-browser"]


def listen(process: "subprocess.Popen[str]", started: float) -> float:
    """Read until the Ready block."""
    said = []
    for line in process.stdout or ():
        said.append(line)
        if line.strip() == READY:
            return time.perf_counter() - started
    sys.exit("up ended before Ready:\n" + "".join(said))


def report(name: str, seconds: list[float]) -> None:
    """Print one line of figures."""
    middle = statistics.median(seconds)
    print(f"{name:<40} {middle:6.2f} s  ({min(seconds):.2f} to {max(seconds):.2f})", flush=True)


if __name__ == "__main__":
    main()
