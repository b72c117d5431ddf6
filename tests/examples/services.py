"""The service of an incident as its clients and an attacker see it."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.demo import examples


@contextmanager
def service(name: str, place: Path, *faults: str) -> Iterator[dict[str, Any]]:
    """Set up what an example works on, with these faults; a service in it ends afterwards."""
    inputs = examples.staged(name, place, faults)
    try:
        yield inputs
    finally:
        for mark in place.rglob("service.json"):
            mark.unlink()


def credential(inputs: dict[str, Any], account: str = "app") -> str:
    """Return the credential that a client has now."""
    return (Path(inputs["service"]).parent / "clients" / f"{account}.key").read_text()


def asked(inputs: dict[str, Any], key: str, account: str = "app") -> int:
    """Ask the service with a credential, and return the status of its answer."""
    port = json.loads((Path(inputs["service"]) / "service.json").read_text())["port"]
    connection = http.client.HTTPConnection("127.0.0.1", port, 60)
    try:
        headers = {"X-Account": account, "X-Credential": key}
        connection.request("GET", "/items/1", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()
