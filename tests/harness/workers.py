"""Real Celery workers for tests: prefork, in processes that can be killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.supervisor.child import READY
from orchestrator.supervisor.plans import WORKERS

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 180
STOP_SECONDS = 60
STEWARD = "steward"


@dataclass(slots=True)
class Workers:
    """The worker processes of one test: `control`, and `work` for agents and effects.

    `work-2` is a second `work`; `steward` is the steward, which nobody waits for.
    """

    environment: Mapping[str, str]
    log_dir: Path
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Start the named workers (all of them by default) and wait until they are ready."""
        chosen = names or tuple(WORKERS)
        for name in chosen:
            self.running[name] = self._spawn(name)
        for name in chosen:
            if name != STEWARD:
                self._wait_until_ready(name)

    def kill(self, name: str) -> None:
        """SIGKILL the worker and its pool, as a crash or the kernel would."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def pause(self, name: str) -> None:
        """SIGSTOP the worker and its pool, as a machine that is suspended would."""
        os.killpg(self.running[name].pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a paused worker go on."""
        os.killpg(self.running[name].pid, signal.SIGCONT)

    def stop(self) -> None:
        """Stop every worker in order; one that does not obey is killed."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.running.clear()

    def log(self, name: str) -> str:
        """Return everything the worker has written so far."""
        return self._log_path(name).read_text()

    def _log_path(self, name: str) -> Path:
        return self.log_dir / f"worker-{name}.log"

    def _spawn(self, name: str) -> "subprocess.Popen[bytes]":
        if name == STEWARD:
            command = [sys.executable, str(ROOT / "manage.py"), STEWARD]
        else:
            queues = WORKERS[name.partition("-")[0]]
            command = [sys.executable, "-m", "orchestrator.supervisor.worker"]
            command += [f"{name}@localhost", queues]
        with self._log_path(name).open("wb") as log:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | {"CELERY_SKIP_CHECKS": "true"} | dict(self.environment),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_until_ready(self, name: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while READY not in self.log(name).splitlines():
            if self.running[name].poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"worker {name} did not start:\n{self.log(name)}")
            time.sleep(0.05)
