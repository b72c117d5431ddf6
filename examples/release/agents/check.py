"""Checker: starts what is current in a target, with the target's settings, and asks how it is.

It takes what people and machines would be served, over HTTP on loopback, and stops it again.
"""

import contextlib
import http.client
import json
import os
import select
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from baton import Result, Work, findings, hold

START_SECONDS = 20.0
ASK_SECONDS = 10.0


class Unhealthy(Exception):  # noqa: N818 - what the release is, not what went wrong here
    """What is current does not do its work; the message says how that shows."""


def check(work: Work) -> Result:
    """Hand a healthy staging on to production; in production the work ends, well or not."""
    environment = work.holder.removesuffix("_check")
    output: dict[str, object] = {"environment": environment, "healthy": True, "said": ""}
    told = []
    try:
        output["said"] = health(Path(work.inputs[environment]), work.data["version"])
    except Unhealthy as trouble:
        output |= {"healthy": False, "said": str(trouble)[:2000]}
        told = [{"severity": "critical", "rule": "health", "message": str(trouble)[:2000]}]
    exhibit = findings(f"Health in {environment}", told, **output)
    to = "production" if environment == "staging" and output["healthy"] else ""
    return Result(output, to, "It is healthy in staging", exhibits=[exhibit])


def health(target: Path, version: str) -> str:
    """Return what /health of the current release says; raises Unhealthy."""
    with started(target) as port:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=ASK_SECONDS)
        try:
            client.request("GET", "/health")
            response = client.getresponse()
            body = response.read(100_000).decode(errors="replace")
        except OSError as error:
            raise Unhealthy(f"/health gives no answer: {error}") from None
        finally:
            client.close()
    if response.status != http.client.OK:
        raise Unhealthy(f"/health answers {response.status}: {body}")
    try:
        said = json.loads(body)["version"]
    except (ValueError, KeyError, TypeError):
        raise Unhealthy(f"/health says nothing that can be read: {body}") from None
    if said != version:
        raise Unhealthy(f"Version {said} answers, and not {version}")
    return body


@contextlib.contextmanager
def started(target: Path) -> Iterator[int]:
    """Run the service that is current and yield its port."""
    release = (target / "current").resolve()
    name = tomllib.loads((release / "pyproject.toml").read_text())["project"]["name"]
    service = subprocess.Popen(
        [sys.executable, "-B", "-m", name],
        cwd=release,
        env={"PATH": os.environ["PATH"], "SETTINGS": str(target / "settings.json"), "PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield port_of(service)
    finally:
        service.kill()
        service.communicate()


def port_of(service: "subprocess.Popen[bytes]") -> int:
    """Return the port that the service says it listens on."""
    out = service.stdout
    ready = out is not None and select.select([out], [], [], START_SECONDS)[0]
    line = out.readline().decode(errors="replace") if out is not None and ready else ""
    if not line.startswith("listening on "):
        service.kill()
        _, trouble = service.communicate()
        raise Unhealthy(f"It does not start: {trouble.decode(errors='replace')[-1500:]}")
    return int(line.split()[-1])


if __name__ == "__main__":
    hold(check)
