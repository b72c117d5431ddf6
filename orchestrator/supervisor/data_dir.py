"""The one directory that holds everything worth keeping, private to its owner."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.supervisor import runtime
from orchestrator.supervisor.refusals import CannotStartError

LOCK_FILE = "lock"
KEY_FILE = "secret-key"
SQLITE_FILE = "countersign.sqlite3"


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Make the directory and hold it alone; the kernel lets go of it however we end."""
    try:
        lock = _prepare(path)
    except OSError as error:
        raise CannotStartError(
            f"Countersign cannot write to its data directory {path} ({error.strerror}): make it "
            "writable for this account, or name another one with --data-dir."
        ) from None
    try:
        _hold(lock, path)
        yield
    finally:
        os.close(lock)


def _prepare(path: Path) -> int:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    lock = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    for name in ("static", "logs"):
        (path / name).mkdir(mode=0o700, exist_ok=True)
    return lock


def _hold(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        running = runtime.read(path)
        where = f" at {running.base_url}, process {running.pid}" if running else ""
        raise CannotStartError(
            f"Countersign already runs on the data directory {path}{where}: stop it first, or "
            "name another directory with --data-dir."
        ) from None


def sqlite_file(path: Path) -> Path:
    """Return where this data directory keeps its database, unless it has a cluster."""
    return path / SQLITE_FILE


def cluster(path: Path) -> Path:
    """Return where this data directory keeps the embedded PostgreSQL, if it was asked for."""
    return path / "postgres"


def database_url(path: Path) -> str:
    """Return the database of this data directory while nothing runs, empty for the file in it.

    A cluster without its server does not answer, and nobody shall take another for it.
    """
    return f"postgres://nobody@/{cluster(path)}/postgres" if cluster(path).exists() else ""


def ensure_secret_key(path: Path) -> None:
    """Make the key that signs sessions and stamps, on the first run."""
    file = path / KEY_FILE
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(50))


def secret_key(path: Path) -> str:
    """Return the key of this data directory, or an empty string before its first run."""
    try:
        return (path / KEY_FILE).read_text()
    except OSError:
        return ""
