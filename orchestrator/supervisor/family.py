"""All processes together: their output, their crashes, their ordered end."""

import os
import selectors
import time
from collections.abc import Callable

from orchestrator.supervisor.child import READY, Child, Plan
from orchestrator.supervisor.output import Output

GRACE_SECONDS = 15
CHUNK = 65536
# Celery says goodbye on every ordered stop.
NOISE = {"", "worker: Warm shutdown (MainProcess)"}


class Family:
    """The running processes. Single-threaded: somebody calls `attend` again and again."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.has_failed = False
        self.ready: set[str] = set()
        self.children: dict[str, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._partial: dict[str, bytes] = {}
        # Children on systems without a parent-death signal read this until we are gone.
        self._lifeline, self._our_end = os.pipe()

    def start(self, plan: Plan) -> None:
        """Start a process and look after it from now on."""
        child = Child(plan, self._lifeline)
        self.children[plan.name] = child
        self._listen(child)

    def attend(self, seconds: float) -> None:
        """Pass on output for at most `seconds`, then see to processes that ended."""
        self._pass_on(seconds)
        for child in self.children.values():
            self._see_to(child)

    def restart(self, *names: str) -> None:
        """Replace processes whose code has changed, without counting it as a crash."""
        for name in names:
            child = self.children[name]
            child.terminate()
            self._await([child], lambda: False)
            child.start_at = time.monotonic()

    def stop(self, in_a_hurry: Callable[[], bool]) -> None:
        """End all stages in ascending order, each with a grace of 15 s unless in a hurry."""
        for stage in sorted({child.plan.stage for child in self.children.values()}):
            ending = [child for child in self.children.values() if child.plan.stage == stage]
            for child in ending:
                child.terminate()
            self._await(ending, in_a_hurry)
        self._pass_on(0)
        for child in self.children.values():
            self._hang_up(child)
        self._selector.close()
        for descriptor in (self._lifeline, self._our_end):
            os.close(descriptor)

    def _await(self, ending: list[Child], in_a_hurry: Callable[[], bool]) -> None:
        deadline = time.monotonic() + GRACE_SECONDS
        while any(child.is_running for child in ending):
            if in_a_hurry() or time.monotonic() > deadline:
                break
            self._pass_on(0.05)
        for child in ending:
            # Also for one that ended well: nothing it started may stay behind.
            child.kill()

    def _listen(self, child: Child) -> None:
        if child.process.stdout is not None:
            os.set_blocking(child.process.stdout.fileno(), False)
            self._selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _pass_on(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            child: Child = key.data
            chunk = os.read(key.fd, CHUNK)
            self._write(child.plan.name, chunk)
            if not chunk:
                self._hang_up(child)

    def _hang_up(self, child: Child) -> None:
        pipe = child.process.stdout
        if pipe is not None and not pipe.closed:
            self._selector.unregister(pipe)
            pipe.close()

    def _write(self, name: str, chunk: bytes) -> None:
        *lines, rest = (self._partial.pop(name, b"") + chunk).split(b"\n")
        if rest and chunk:
            self._partial[name] = rest
        elif rest:
            lines.append(rest)
        for line in lines:
            self._hear(name, line.decode(errors="replace"))

    def _hear(self, name: str, line: str) -> None:
        if line == READY:
            self.ready.add(name)
        elif line not in NOISE:
            self.output.line(name, line)

    def _see_to(self, child: Child) -> None:
        if child.is_running:
            return
        if child.start_at is None:
            self._mourn(child)
        elif child.start_at <= time.monotonic():
            self._hang_up(child)
            child.start_again()
            self._listen(child)

    def _mourn(self, child: Child) -> None:
        name, code = child.plan.name, child.process.returncode
        child.kill()
        delay = child.crashed()
        if delay is None:
            self.has_failed = True
            self.output.say(f"{name} keeps failing (exit {code}), so everything stops.")
            return
        self.output.say(f"{name} ended with exit {code}; it starts again in {delay:g} s.")
