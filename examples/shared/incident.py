"""The stage of an incident: a real service on loopback, and real requests to it.

Faults, one at a time: leak (from an address of its own somebody reads everything with the
account of the app), flood (one address asks far too often), slow (a report takes its time).
"""

import http.client
import json
import secrets
import subprocess
import sys
import time
from pathlib import Path

from staging import asked_for

MINUTES = 30
START_SECONDS = 60.0
USUAL, STRANGE = ("127.0.0.2", "127.0.0.3"), "127.0.0.9"
# macOS has no other addresses of loopback unless somebody adds them.
HAS_MANY = sys.platform == "linux"


# By fault: how often, as which account, for what, and from where. None is what is usual.
TRAFFIC = {
    None: (30, "app", "/items/{n}", USUAL[1]),
    "leak": (120, "app", "/customers/{n}", STRANGE),
    "flood": (400, "reports", "/items/1", STRANGE),
    "slow": (12, "reports", "/report", USUAL[0]),
}


def staged() -> None:
    """Start the service, let its clients work and something go wrong, and print the inputs."""
    folder, faults = asked_for("leak", "flood", "slow")
    console, clients = folder / "shop", folder / "clients"
    for place in (console, clients):
        place.mkdir(parents=True)
    for account in ("app", "reports"):
        key = clients / f"{account}.key"
        key.touch(mode=0o600)
        key.write_text(secrets.token_urlsafe(24))
    port = started(console, clients)
    for fault, (times, account, path, source) in TRAFFIC.items():
        for n in range(times if fault is None or fault in faults else 0):
            ask(port, clients, account, path.format(n=n), source)
    print(json.dumps({"service": str(console)}))


def started(console: Path, clients: Path) -> int:
    """Start the service apart from this program, and return the port at which it listens."""
    subprocess.Popen(
        [
            sys.executable,
            str(Path(__file__).with_name("serve.py")),
            str(console),
            str(clients),
            str(MINUTES),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + START_SECONDS
    while not (console / "service.json").exists():
        if time.monotonic() > deadline:
            sys.exit("The service did not start.")
        time.sleep(0.05)
    return int(json.loads((console / "service.json").read_text())["port"])


def ask(port: int, clients: Path, account: str, path: str, source: str) -> int:
    """Ask the service as a client does, and return the status of its answer."""
    where = (source, 0) if HAS_MANY else None
    connection = http.client.HTTPConnection("127.0.0.1", port, 60, source_address=where)
    headers = {"X-Account": account, "X-Credential": (clients / f"{account}.key").read_text()}
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()
