"""Tells other commands on this machine where the running instance is. No Django here."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

RUNTIME_FILE = "runtime.json"


@dataclass(frozen=True, slots=True)
class Running:
    """What a second process needs to join an instance that `up` started.

    `database` is a database URL, or empty for the file in the data directory.
    """

    pid: int
    base_url: str
    database: str
    redis_url: str
    data_dir: str


def write(running: Running) -> None:
    """Publish the instance to its own account only: the file holds the broker's address."""
    path = Path(running.data_dir) / RUNTIME_FILE
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(running), indent=1))


def remove(data_dir: Path) -> None:
    """Say that nothing runs any more."""
    (data_dir / RUNTIME_FILE).unlink(missing_ok=True)


def read(data_dir: Path) -> Running | None:
    """Return the instance of this data directory, or None when it is not running."""
    try:
        running = Running(**json.loads((data_dir / RUNTIME_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return running if is_alive(running.pid) else None


def is_alive(pid: int) -> bool:
    """Whether a process with this id exists, whoever owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
