"""What the kill tests have in common: real workers, named pipes, and a steward to call."""

import contextlib
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance.models import Gate
from orchestrator.models import AttemptOutcome, Run, Step
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.orchestrator import step, tries_of
from tests.harness.workers import Workers
from tests.orchestrator.cells import driving as cells
from tests.orchestrator.cells import player
from tests.orchestrator.kill.slow_ledger import Call, heard_at
from tests.orchestrator.services.proposing import append

PATIENCE_SECONDS = 120
BLOCKING_AGENT = """
import json, pathlib, socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
pipe = pathlib.Path(__file__).with_name("turn")
if pipe.exists():
    pipe.read_text()
print(json.dumps({"output": {"looked": True}}))
"""


class Bell:
    """Counts who rings at a port: a confined agent can write nothing that a test could read."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0)
        self.port: int = self._listener.getsockname()[1]
        self._rung = 0

    def rung(self) -> int:
        """Return how often somebody has rung."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._listener.accept()[0].close()
                self._rung += 1
        return self._rung

    def close(self) -> None:
        """Listen no longer."""
        self._listener.close()


@dataclass(frozen=True)
class Stage:
    """A house whose workers are real, with a pipe for each place to stop at."""

    home: governance.House
    workers: Workers
    place: Path
    bell: Bell

    @property
    def open_after(self) -> Path:
        """Between the effect on the open ledger and its commit."""
        return self.place / "open.txt.after"

    @property
    def before(self) -> Path:
        """Between the claim of the warrant and the effect."""
        return self.place / "guarded.txt.before"

    @property
    def after(self) -> Path:
        """Between the effect and its commit."""
        return self.place / "guarded.txt.after"

    @property
    def mid_step(self) -> Path:
        """In the middle of an agent's turn."""
        return self.place / "turn"

    def looking_agent(self) -> None:
        """Register an agent that waits in the middle of its turn, at a pipe in its own folder."""
        program = self.place / "looker.py"
        program.write_text(BLOCKING_AGENT)
        governance.agent(
            self.home.domain,
            self.home.ada,
            self.home.sam,
            slug="looker",
            name="Looker",
            runner="process",
            runner_config={"argv": ["python", str(program), str(self.bell.port)]},
        )

    def cast(self, place: str) -> None:
        """Register everybody of the files; at one place they append to the open ledger."""
        argv = ["python", player.__file__, place, str(self.home.open)]
        cells.cast(self.home, "process", argv=argv)

    def writing_agent(self, tool: str = governance.LEDGER.slug) -> None:
        """Register an agent that wants to append to the guarded ledger, by this tool."""
        if tool != governance.LEDGER.slug:
            governance.ledger_tool(self.home.domain, slug=tool)
        make.agent(self.home, "clerk", proposals=[append(self.home.guarded, tool=tool)])

    def start(self, *steps: dict[str, Any]) -> Run:
        """Start a run; its workers are rung."""
        return make.started(self.home, *(steps or [step("write", "clerk")]))

    def approve(self) -> None:
        """Let Grace approve the gate that waits."""
        gate = Gate.objects.get(state="pending")
        governance.review(gate, self.home.grace)

    def heard(self) -> list[Call]:
        """Return what arrived at the target behind the guarded ledger."""
        return heard_at(self.home.guarded)

    def calls(self) -> int:
        """Return how often the tool was called."""
        return lines_of(self.place / "guarded.txt.calls")

    def turns(self) -> int:
        """Return how often the looking agent was started."""
        return self.bell.rung()

    def until(self, holds: Callable[[], object], *, sweeping: bool = False) -> None:
        """Wait until `holds()`, as a steward that sweeps all the time or as one that sleeps."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(self.story())
            if sweeping:
                sweep()
            time.sleep(0.05)

    def story(self) -> str:
        """Return what the workers wrote and the steps came to, for a test that waited in vain."""
        steps = Step.objects.order_by("position")
        said = [f"{s.place}: {s.state} {s.error_code} {s.error_detail}" for s in steps]
        return "\n".join([*said, *map(self.workers.log, self.workers.running)])

    def until_state(self, run: Run, state: str, *, sweeping: bool = False) -> None:
        """Wait until the run is in this state."""

        def reached() -> bool:
            run.refresh_from_db()
            return run.state == state

        self.until(reached, sweeping=sweeping)


def kept_of(run: Run, place: str) -> list[str]:
    """Return how the tries of a step ended, without those that lost their claim.

    How many of those there are is a matter of how busy the machine is.
    """
    lost = {AttemptOutcome.CRASHED, AttemptOutcome.STALE}
    return [outcome for outcome in tries_of(run, place) if outcome not in lost]


def lines_of(path: Path) -> int:
    """Return how many lines a file has; none when it is not there."""
    return len(path.read_text().splitlines()) if path.exists() else 0


def put(pipe: Path) -> None:
    """Make whoever comes by here stop."""
    os.mkfifo(pipe)


def let_go(pipe: Path) -> None:
    """Let whoever stopped here go on, and nobody stop here again."""
    opened = os.open(pipe, os.O_WRONLY)
    pipe.unlink()
    os.close(opened)
