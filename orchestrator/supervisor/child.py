"""One process of the product: started in a session of its own, watched, started again."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.supervisor import forking

ROOT = Path(__file__).resolve().parents[2]
PARENT_DEATH = Path(__file__).with_name("parent_death.py")
# What a child that takes messages writes once it does.
READY = "ready."
CRASHES_ALLOWED = 5
CRASH_WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """How to start a process. `descriptors` are inherited; `stage` orders the stop.

    What it writes goes to `log`, or to us.

    `run` does in this process' copy what `command` does as a program of its own. Whoever cannot
    keep secrets gets no environment but the one planned.
    """

    name: str
    command: Sequence[str]
    stage: int
    run: Callable[[], int | None] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: Sequence[int] = ()
    keeps_secrets: bool = True
    log: Path | None = None


@contextmanager
def _written_to(log: Path | None) -> Iterator[int]:
    if log is None:
        yield subprocess.PIPE
        return
    with log.open("ab") as file:
        yield file.fileno()


class Child:
    """A planned process and what became of it. Times are of the monotonic clock, in seconds."""

    def __init__(self, plan: Plan, lifeline: int) -> None:
        self.plan = plan
        self.start_at: float | None = None
        self._lifeline = lifeline
        self._crashes: deque[float] = deque(maxlen=CRASHES_ALLOWED)
        self.process: subprocess.Popen[bytes] | forking.Forked
        if plan.run is not None and forking.is_safe():
            self.process = forking.Forked(plan.run, plan.environment, plan.descriptors)
        else:
            self.process = self._new_program()

    def _new_program(self) -> "subprocess.Popen[bytes]":
        # The terminal's Ctrl-C reaches only its own session, so the stop can be in order.
        linux = sys.platform == "linux"
        lifeline = "-" if linux else str(self._lifeline)
        wrapper = [sys.executable, "-I", "-S", str(PARENT_DEATH), str(os.getpid()), lifeline]
        inherited = [*self.plan.descriptors, *([] if linux else [self._lifeline])]
        with _written_to(self.plan.log) as output:
            return subprocess.Popen(
                [*wrapper, *self.plan.command],
                cwd=ROOT,
                env={**(os.environ if self.plan.keeps_secrets else {}), **self.plan.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=inherited,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        """Whether the process exists; reaps it when it has just ended."""
        return self.process.poll() is None

    def crashed(self) -> float | None:
        """Note a crash; return the seconds to wait (1, 2, 4...), None when it is one too many."""
        now = time.monotonic()
        recent = [moment for moment in self._crashes if moment > now - CRASH_WINDOW_SECONDS]
        self._crashes.append(now)
        if len(recent) + 1 >= CRASHES_ALLOWED:
            return None
        delay = float(2 ** len(recent))
        self.start_at = now + delay
        return delay

    def start_again(self) -> None:
        """Start the process anew, under the same plan but with what is on the disk now."""
        self.start_at = None
        self.process = self._new_program()

    def terminate(self) -> None:
        """Ask the process to end in its own time."""
        if self.is_running:
            self.process.terminate()

    def kill(self) -> None:
        """End the process and everything it started, now."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()
