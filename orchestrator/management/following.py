"""Follows a run in a terminal: a moving picture on a TTY, one line per news anywhere else."""

from collections.abc import Callable, Iterator
from datetime import datetime
from time import sleep
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.visible import visible
from orchestrator.selectors.run_view import GateRow, RunView, StepRow

Look = Callable[[], RunView]

POLL_SECONDS = 0.25
_SPINNER = "\u280b\u2819\u2839\u2838\u283c\u2834\u2826\u2827\u2807\u280f"
_MARKS = {
    "succeeded": "\u2713",
    "failed": "\u2717",
    "rejected": "\u2717",
    "timed_out": "\u2717",
    "escalated": "!",
    "awaiting_approval": "\u25c6",
    "blocked": "\u00b7",
    "cancelled": "\u2013",
    "skipped": "\u2013",
}


class Terminal(Protocol):
    """Where it is shown."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...
    def isatty(self) -> bool: ...


def follow(look: Look, out: Terminal, *, until: Callable[[RunView], bool]) -> RunView:
    """Show the run until `until` holds of it; returns it as it was last seen."""
    screen = _Picture(out) if out.isatty() else _Lines(out)
    while True:
        run = look()
        screen.show(run)
        if until(run):
            screen.close()
            return run
        sleep(POLL_SECONDS)


def gate_address(gate_id: UUID) -> str:
    """Return the address at which people decide."""
    return f"{settings.BASE_URL}{reverse('gate', args=[gate_id])}"


def pending_gates(run: RunView) -> list[GateRow]:
    """Return the gates the run waits at."""
    return [gate for gate in run.gates if gate.state == "pending"]


class _Lines:
    """Prints a line whenever a step changes; nothing is printed twice."""

    def __init__(self, out: Terminal) -> None:
        self.out = out
        self.told: set[tuple[object, ...]] = set()

    def show(self, run: RunView) -> None:
        for step in run.steps:
            if step.state != "blocked":
                self._tell((step.id, step.state, len(step.attempts)), step_line(step))
        for gate in pending_gates(run):
            self._tell((gate.id,), gate_line(gate))

    def close(self) -> None:
        self.out.flush()

    def _tell(self, what: tuple[object, ...], line: str) -> None:
        if what not in self.told:
            self.told.add(what)
            self.out.write(f"{line}\n")
            self.out.flush()


class _Picture:
    """Draws the steps again and again in the same place, with a spinner at those at work."""

    def __init__(self, out: Terminal) -> None:
        self.out = out
        self.frame = 0
        self.height = 0

    def show(self, run: RunView) -> None:
        self.frame += 1
        lines = list(self._lines(run))
        up = f"\x1b[{self.height}F" if self.height else ""
        self.out.write(f"{up}\x1b[J" + "".join(f"{line}\n" for line in lines))
        self.out.flush()
        self.height = len(lines)

    def close(self) -> None:
        self.out.flush()

    def _lines(self, run: RunView) -> Iterator[str]:
        spinner = _SPINNER[self.frame % len(_SPINNER)]
        for step in run.steps:
            yield step_line(step, spinner)
        for gate in pending_gates(run):
            yield gate_line(gate)


def step_line(step: StepRow, spinner: str = "\u2022") -> str:
    """Return one step as a line: mark, name, state, elapsed time, and what went wrong."""
    mark = _MARKS.get(step.state, spinner)
    words = [mark, f"{step.path:<20}", step.label, _elapsed(step.started_at, step.finished_at)]
    if step.error_detail and step.state != "succeeded":
        words.append(one_line(step.error_detail))
    return "  ".join(word for word in words if word).rstrip()


def gate_line(gate: GateRow) -> str:
    """Return where people decide, and about what."""
    words = {"what": one_line(gate.sentence), "where": gate_address(gate.id)}
    return _("   waiting for a person: %(what)s  %(where)s") % words


def one_line(text: str) -> str:
    """Return text of others as one harmless line of a terminal."""
    return visible(" ".join(text.split()))[:200]


def _elapsed(start: datetime | None, end: datetime | None) -> str:
    if start is None:
        return ""
    seconds = ((end or timezone.now()) - start).total_seconds()
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s"
