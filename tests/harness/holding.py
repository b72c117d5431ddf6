"""Processes of a running product that stand still for a while, as a suspended machine's would."""

import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

from tests.harness.instances import Instance


@contextmanager
def held(pids: Iterable[int]) -> Iterator[None]:
    """Stop these processes and what they started, and let them go on at the end."""
    groups = list(pids)
    for pid in groups:
        os.killpg(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in groups:
            os.killpg(pid, signal.SIGCONT)


def workers_of(instance: Instance) -> list[int]:
    """Return the workers: of all processes of the product, those that have a pool below them."""
    workers = [pid for pid in children_of(instance.process.pid) if len(children_of(pid)) > 1]
    assert len(workers) == 2, workers
    return workers


def steward_of(instance: Instance) -> int:
    """Return the steward: the process that holds the lease, as it wrote down itself."""
    database = instance.data_dir / "countersign.sqlite3"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        row = opened.execute("select holder from orchestrator_leadership where role = 'steward'")
        _host, pid, _secret = row.fetchone()[0].split(":")
    assert int(pid) in children_of(instance.process.pid)
    return int(pid)


def children_of(pid: int) -> list[int]:
    """Return the processes that a process started."""
    command = ["ps", "-o", "pid=", "--ppid", str(pid)]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    return list(map(int, listing.stdout.split()))
