"""Plays a cell once undisturbed and once with a worker killed in the middle, and compares."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from governance.models import Effect
from orchestrator.models import Attempt, AttemptKind, AttemptOutcome, Run
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services.sweep import sweep
from tests.factories.governance import House
from tests.harness.workers import Workers
from tests.orchestrator.cells.driving import PLAYER, begun, bob_abroad, cast
from tests.orchestrator.kill import points

PATIENCE_SECONDS = 180
# Two steps of every file have an effect, one inside of its block and one after it.
PLACES = {
    "sequential": ("work/check", "close"),
    "concurrent": ("scans/2", "report"),
    "group_chat": ("talk/turn#1", "close"),
    "handoff": ("ship/turn#1", "close"),
    "magentic": ("repair/item_mend", "close"),
}
_LOST = frozenset({AttemptOutcome.CRASHED, AttemptOutcome.STALE})
_COMMITTED = frozenset({AttemptOutcome.SUCCEEDED, AttemptOutcome.PROPOSED})

Cell = tuple[str, str]
# Does what people have to do about a run by now, and says whether it goes on after that.
People = Callable[[Run], bool]


@dataclass(frozen=True, slots=True)
class Played:
    """How a run went: its state, its effects, what the tool was called for, and the points.

    Of those `before` were passed when people had to do something about it for the first time.
    """

    run: Run
    effects: list[tuple[str, str]]
    lines: list[str]
    calls: int
    passed: int
    before: int
    died: str
    seconds: float


@dataclass(slots=True)
class Arena:
    """A house with real workers that can be told where to die."""

    home: House
    workers: Workers
    place: Path

    @property
    def ledger(self) -> Path:
        """Return the file that every effect goes to; policy lets anybody append to it."""
        return self.home.open

    def prepare(self) -> None:
        """Register everybody, and start the worker."""
        places = sorted({place for both in PLACES.values() for place in both})
        cast(self.home, PLAYER, places=places, ledger=str(self.ledger))
        bob_abroad(self.home, PLAYER, places=["turn"], ledger=str(self.ledger))
        self.workers.start("work")

    def play(self, cell: Cell, *, fatal: int = 0) -> Played:
        """Play a cell to its end, which needs no people."""
        return self.played(partial(begun, self.home, *cell), lambda _run: False, fatal=fatal)

    def played(self, begin: Callable[[], Run], people: People, *, fatal: int = 0) -> Played:
        """Play a run to its end; the worker dies at point number `fatal`, if that is one."""
        for name in (points.PASSED, points.DIED, points.FATAL):
            (self.place / name).unlink(missing_ok=True)
        if fatal:
            (self.place / points.FATAL).write_text(str(fatal))
        self.ledger.write_text("")
        calls, since = self._calls(), time.monotonic()
        run, before = self._ended(begin(), people)
        return Played(
            run,
            effects_of(run),
            sorted(line.partition(" #")[0] for line in self.ledger.read_text().splitlines()),
            self._calls() - calls,
            self._passed(),
            before,
            self._died(),
            time.monotonic() - since,
        )

    def _ended(self, run: Run, people: People) -> tuple[Run, int]:
        deadline, before = time.monotonic() + PATIENCE_SECONDS, 0
        while (is_theirs := people(run)) or run.state in {"running", "waiting"}:
            before = before or (self._passed() if is_theirs else 0)
            assert time.monotonic() < deadline, self.workers.log("work")
            if self.workers.running["work"].poll() is not None:
                self.workers.running.pop("work")
                self.workers.start("work")
            sweep()
            time.sleep(0.05)
            run.refresh_from_db()
        return run, before

    def _passed(self) -> int:
        passed = self.place / points.PASSED
        return passed.stat().st_size if passed.exists() else 0

    def _calls(self) -> int:
        calls = Path(f"{self.ledger}.calls")
        return len(calls.read_text().splitlines()) if calls.exists() else 0

    def _died(self) -> str:
        died = self.place / points.DIED
        return died.read_text() if died.exists() else ""


def point_of(seed: int, cell: Cell, passed: int) -> int:
    """Return where to die in a cell that comes by so many points when nobody does: any of them."""
    digest = hashlib.sha256(f"{seed} {cell}".encode()).digest()
    return 1 + int.from_bytes(digest) % max(1, passed)


def killed_at(play: Callable[..., Played], point: int) -> Played:
    """Play a run whose worker dies at this point.

    A busy machine lets claims lapse, and the undisturbed run then came by points that this one
    does not reach: it dies at the last that this one came by in the next one.
    """
    played = play(fatal=point)
    while not played.died and point > 1:
        point = max(1, min(point - 1, played.passed))
        played = play(fatal=point)
    return played


def check(undisturbed: Played, killed: Played) -> None:
    """Raise AssertionError unless a killed worker cost nothing but time."""
    assert killed.died, "nobody died"
    assert (killed.run.state, killed.run.error_detail) == ("succeeded", "")
    assert killed.effects == undisturbed.effects
    assert killed.lines == undisturbed.lines
    lost = Attempt.objects.filter(step__run__in=with_errands(killed.run), outcome__in=_LOST)
    assert killed.calls <= undisturbed.calls + lost.count(), "a tool was called for what it did"
    for run in with_errands(killed.run):
        assert repeated(run) == []
        outcome = replay(run.pk)
        assert isinstance(outcome, Replayed), outcome


def effects_of(run: Run) -> list[tuple[str, str]]:
    """Return the effects, in both domains, without what is different in every run."""
    everywhere = [each.pk for each in with_errands(run)]
    effects = Effect.objects.filter(run_id__in=everywhere)
    return sorted(effects.values_list("action__step_path", "state"))


def with_errands(run: Run) -> list[Run]:
    """Return the run, and those that another domain did for it."""
    return [run, *Run.objects.filter(errand__step__run=run)]


def repeated(run: Run) -> list[str]:
    """Return the steps that were tried again after a try of theirs had been committed."""
    found = []
    for kind in AttemptKind.values:
        seen: set[object] = set()
        tries = Attempt.objects.filter(step__run=run, kind=kind).order_by("step", "number")
        for step, place, outcome in tries.values_list("step", "step__path", "outcome"):
            if step in seen:
                found.append(place)
            if outcome in _COMMITTED:
                seen.add(step)
    return found
