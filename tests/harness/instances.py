"""A real `up` for tests: started as a person would, asked as a browser would, stopped, killed."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 240
STOP_SECONDS = 120
# What the test process needs for itself must not leak into a product that stands alone.
OURS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "BASE_URL", "COUNTERSIGN_DATA_DIR")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a person's environment, plus `extra`."""
    plain = {name: value for name, value in os.environ.items() if name not in OURS}
    return plain | dict(extra or {})


class Instance:
    """One `up` and everything it says."""

    def __init__(
        self, data_dir: Path, *options: str, through: Sequence[str] = (), **extra: str
    ) -> None:
        self.data_dir = data_dir
        self.extra = extra
        command = [sys.executable, "manage.py", "up", "--data-dir", str(data_dir), "--port", "0"]
        self.process = subprocess.Popen(
            [*through, *command, "--no-browser", *options],
            cwd=ROOT,
            env=environment(extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """Everything written so far."""
        return "".join(self._lines)

    @property
    def base_url(self) -> str:
        """The address in the Ready block."""
        return self._announced("Address")

    @property
    def signin_url(self) -> str:
        """The one-time link in the Ready block."""
        return self._announced("Sign in")

    def wait_until_ready(self) -> "Instance":
        """Return once the Ready block is out; fail with the output when it never comes."""
        self.wait_for("Stop      Ctrl-C")
        return self

    def wait_for(self, text: str, seconds: float = START_SECONDS) -> None:
        """Wait until `text` has been written."""
        deadline = time.monotonic() + seconds
        while text not in self.output:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{text!r} was never written:\n{self.output}")
            time.sleep(0.02)

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a page."""
        try:
            with urllib.request.urlopen(self.base_url + path, timeout=120) as answer:  # noqa: S310 - ours
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def processes(self) -> list[int]:
        """Return every living process that has this data directory or supervisor as its own."""
        listing = subprocess.run(
            ["ps", "-ww", "-eo", "pid,stat,args"], capture_output=True, text=True, check=True
        )
        rows = [line.split(None, 2) for line in listing.stdout.splitlines()[1:]]
        mine = (str(self.data_dir), f"up-{self.process.pid}")
        return [
            int(pid)
            for pid, state, arguments in rows
            if not state.startswith("Z") and any(name in arguments for name in mine)
        ]

    def interrupt(self) -> int:
        """Press Ctrl-C, once; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        return code

    def close(self) -> None:
        """Make sure that nothing is left, however the test ended."""
        if self.process.poll() is None:
            self.interrupt()
        if self.process.stdout is not None:
            self._reader.join(STOP_SECONDS)
            self.process.stdout.close()

    def _read(self) -> None:
        if self.process.stdout is not None:
            for line in self.process.stdout:
                self._lines.append(line)

    def _announced(self, label: str) -> str:
        found = re.search(rf"^  {label} +(http\S+)$", self.output, re.MULTILINE)
        if found is None:
            raise AssertionError(f"no {label!r} in:\n{self.output}")
        return found[1]
