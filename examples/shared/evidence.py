"""What agents of an incident see: the service's log, its state, and how it answers now."""

import http.client
import json
from collections import Counter
from pathlib import Path
from typing import Any

MOST_BYTES = 64_000_000
SLOW_MS = 200
FLOOD = 200
MANY_PATHS = 50
ENOUGH = 5
OK = 200
TURNED_AWAY = 503


class UnreadableError(Exception):
    """The service or its log cannot be looked at."""


def seen(console: str) -> dict[str, Any]:
    """Return what the log and the state of a service show, as far as it was written."""
    place = Path(console)
    try:
        data = (place / "access.log").read_bytes()[:MOST_BYTES]
        state = json.loads((place / "state.json").read_text())
        port = int(json.loads((place / "service.json").read_text())["port"])
    except (OSError, ValueError, KeyError) as error:
        raise UnreadableError(f"The console of the service cannot be read: {error}") from error
    whole, _, _ = data.rpartition(b"\n")
    lines = [json.loads(line) for line in whole.splitlines()]
    return {
        "size": len(whole) + 1,
        "requests": len(lines),
        "isolated": state["isolated"],
        "accounts": state["accounts"],
        "answers": answered(port),
        "by_address": dict(Counter(line["from"] for line in lines)),
        "suspects": suspects(lines),
    }


def suspects(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is out of order, with the numbers that say so."""
    return [*_leaks(lines), *_floods(lines), *_slow(lines)]


def answered(port: int) -> int:
    """Return the status with which the service answers anybody now, 0 if it does not."""
    connection = http.client.HTTPConnection("127.0.0.1", port, 5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def _leaks(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return accounts that one address uses for far more different things than is usual."""
    pairs = {(line["account"], line["from"]) for line in lines if line["status"] == OK}
    found = []
    for account, address in sorted(pairs):
        mine = [one for one in lines if (one["account"], one["from"]) == (account, address)]
        paths = {one["path"] for one in mine}
        if len(paths) >= MANY_PATHS:
            words = f"{address} read {len(paths)} different things as {account}"
            found.append({"kind": "leak", "account": account, "address": address, "why": words})
    return found


def _floods(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    counts = Counter((line["from"], line["path"]) for line in lines)
    return [
        {"kind": "flood", "address": address, "why": f"{address} asked {n} times for {path}"}
        for (address, path), n in counts.items()
        if n >= FLOOD
    ]


def _slow(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_path: dict[str, list[int]] = {}
    for line in lines:
        by_path.setdefault(line["path"].partition("?")[0], []).append(line["ms"])
    return [
        {"kind": "slow", "path": path, "why": f"{path} takes {sorted(ms)[len(ms) // 2]} ms"}
        for path, ms in sorted(by_path.items())
        if len(ms) >= ENOUGH and sorted(ms)[len(ms) // 2] >= SLOW_MS
    ]
