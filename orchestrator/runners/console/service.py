"""A service's folder, which is its console: whoever may write there may command the service.

service.json      {"name", "port"}, written by the service when it listens
state.json        {"isolated", "accounts": {account: fingerprint}}, written by the service
access.log        what was asked of it, one JSON object a line; it only grows
commands/KEY.json what it is to do, written aside and renamed; KEY is an effect's key
applied/KEY.json  what came of it; the service writes it once and does nothing a second time
"""

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.runners import roots
from orchestrator.runners.faults import PlaceError, UnansweredError

ACCOUNT = "^[a-z][a-z0-9_-]{0,40}$"
LIMIT = 262_144
LOG_LIMIT = 64_000_000
WAIT_SECONDS = 10.0
PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Service:
    """A folder that was found to be the console of a service."""

    path: Path
    name: str

    def is_isolated(self) -> bool:
        """Return whether the service turns everybody away."""
        return self._state().get("isolated") is True

    def fingerprint(self, account: str) -> str:
        """Return the fingerprint of an account's credential; raises PlaceError."""
        accounts = self._state().get("accounts", {})
        if not re.fullmatch(ACCOUNT, account) or account not in accounts:
            raise PlaceError(f"{self.name} has no account {account[:60]!r}.")
        return str(accounts[account])

    def log_digest(self, size: int) -> str:
        """Return SHA-256 of the first `size` bytes of the log; raises PlaceError."""
        return hashlib.sha256(self.log(size)).hexdigest()

    def log(self, size: int) -> bytes:
        """Return the first `size` bytes of the log; raises PlaceError when it has fewer."""
        data = roots.read(self.path / "access.log", min(size, LOG_LIMIT))
        if len(data) != size:
            raise PlaceError(f"The log of {self.name} does not hold {size} bytes.")
        return data

    def command(self, key: str, command: Mapping[str, Any]) -> Mapping[str, Any]:
        """Have the service do something once, and return what came of it.

        Raises UnansweredError when it does not answer: whether it will is not known.
        """
        if (done := self.applied(key)) is not None:
            return done
        _write(self._order(key), command)
        return self._answered(key)

    def outcome(self, key: str) -> Mapping[str, Any] | None:
        """Return what came of a command, or None if it was never given.

        One that lies there may still be carried out, so it is waited for as `command` does.
        """
        return self._answered(key) if self._order(key).is_file() else self.applied(key)

    def _order(self, key: str) -> Path:
        return roots.within(self.path, "commands", f"{_plain(key)}.json")

    def _answered(self, key: str) -> Mapping[str, Any]:
        deadline = time.monotonic() + WAIT_SECONDS
        while (done := self.applied(key)) is None:
            if time.monotonic() > deadline:
                raise UnansweredError(f"{self.name} did not answer in {WAIT_SECONDS:.0f} s.")
            time.sleep(PAUSE_SECONDS)
        return done

    def applied(self, key: str) -> Mapping[str, Any] | None:
        """Return what came of a command, or None while nothing did."""
        place = roots.within(self.path, "applied", f"{_plain(key)}.json")
        return _object(place) if place.is_file() else None

    def _state(self) -> Mapping[str, Any]:
        return _object(self.path / "state.json")


def open_service(path: str, allowed: Sequence[Path]) -> Service:
    """Find the service whose console lies exactly at `path`, inside one of the `allowed`."""
    place = roots.inside(path, allowed, "COUNTERSIGN_SERVICE_ROOTS")
    name = _object(place / "service.json").get("name")
    if not isinstance(name, str) or not name:
        raise PlaceError(f"{place / 'service.json'} does not name a service.")
    return Service(place, name)


def _object(file: Path) -> Mapping[str, Any]:
    text = roots.read(file, LIMIT + 1)
    if len(text) > LIMIT:
        raise PlaceError(f"{file} is larger than {LIMIT} bytes.")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise PlaceError(f"{file} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise PlaceError(f"{file} holds no JSON object.")
    return value


def _write(file: Path, value: Mapping[str, Any]) -> None:
    file.parent.mkdir(exist_ok=True)
    draft = file.with_name(f".{_plain(file.stem)}")
    roots.write(draft, json.dumps(value).encode())
    draft.replace(file)


def _plain(key: str) -> str:
    if not key.isalnum():
        raise PlaceError(f"{key!r} is not the key of an effect.")
    return key
