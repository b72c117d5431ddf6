"""Serves what is current in a target on loopback: `serve.py TARGET [PORT]`.

When another release becomes current, it is started in place of the last one, on the same port.
"""

import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

PORT = 8765
LOOK_SECONDS = 0.2


def main(target: Path, port: int) -> None:
    """Run the service, look whether it is still the current one, and start it anew."""
    while True:
        release = (target / "current").resolve()
        service = started(target, release, port)
        try:
            while (target / "current").resolve() == release and service.poll() is None:
                time.sleep(LOOK_SECONDS)
        finally:
            service.terminate()
            service.wait()
        time.sleep(LOOK_SECONDS)


def started(target: Path, release: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start a release with the target's settings."""
    print(f"Serving {release.name} on http://127.0.0.1:{port}/health", flush=True)
    name = tomllib.loads((release / "pyproject.toml").read_text())["project"]["name"]
    settings = {"SETTINGS": str(target / "settings.json"), "PORT": str(port)}
    command = [sys.executable, "-B", "-m", name]
    return subprocess.Popen(command, cwd=release, env={**os.environ, **settings})


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]) if sys.argv[2:] else PORT)
