"""Serves what is current in a target on loopback: `serve.py TARGET [PORT]`.

When another release becomes current, it is started in place of the last one, on the same port.
Told to end, it ends what it serves.
"""

import os
import signal
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

PORT = 8765
LOOK_SECONDS = 0.2


def main(target: Path, port: int) -> None:
    """Run the service, look whether it is still the current one, and start it anew."""
    stop = threading.Event()
    for told in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told, lambda *_: stop.set())
    while not stop.wait(LOOK_SECONDS):
        release = (target / "current").resolve()
        service = started(target, release, port)
        try:
            while not stop.wait(LOOK_SECONDS):
                if (target / "current").resolve() != release or service.poll() is not None:
                    break
        finally:
            service.terminate()
            service.wait()


def started(target: Path, release: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start a release with the target's settings."""
    print(f"Serving {release.name} on http://127.0.0.1:{port}/health", flush=True)
    name = tomllib.loads((release / "pyproject.toml").read_text())["project"]["name"]
    settings = {"SETTINGS": str(target / "settings.json"), "PORT": str(port)}
    command = [sys.executable, "-B", "-m", name]
    return subprocess.Popen(command, cwd=release, env={**os.environ, **settings})


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]) if sys.argv[2:] else PORT)
