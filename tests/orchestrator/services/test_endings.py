"""Whatever workers, people and the clock do, and in whatever order, a run ends as its laws say."""

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.models import Event
from governance import adapters
from governance.models import Effect, Gate
from governance.refusals import Refusal
from orchestrator.models import RUN_ENDING, RUN_FINAL, RUN_TRANSITIONS, PauseMode, Run, Step
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import cancellation, escalation, execution, pausing, turns, undoing
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.governance import House
from tests.factories.orchestrator import started, step
from tests.orchestrator.services.broken_ledger import BrokenLedger, WorkerDiedError
from tests.orchestrator.services.escalating import operated
from tests.orchestrator.services.proposing import append

TURMOIL, PATIENCE = 45, 400
DEAD = (WorkerDiedError, Refusal)


class World:
    """A run over four ledgers, and everybody who can do something to it."""

    def __init__(self, home: House, place: Path, tool: BrokenLedger, seed: int) -> None:
        self.home, self.tool, self.chance = home, tool, random.Random(seed)  # noqa: S311 - chance is the point here
        self.books = [place / name for name in ("a.txt", "b.txt", "guarded-c.txt", "d.txt")]
        for number, book in enumerate(self.books):
            book.write_text("first\n")
            make.agent(home, f"clerk{number}", proposals=[append(book)])
        steps = [step(f"s{number}", f"clerk{number}") for number in range(4)]
        self.run = started(home, *steps, step("look", "clerk0"), step("end", "clerk1"))
        self.states = [self.run.state]

    def note(self) -> None:
        """See how the run stands, and that it came there by a legal move."""
        self.run.refresh_from_db()
        if self.run.state != self.states[-1]:
            assert _reachable(self.states[-1], self.run.state), (self.states, self.run.state)
            self.states.append(self.run.state)

    def misfortune(self) -> None:
        """Break something, or mend it."""
        for name in ("dies_before", "dies_after", "doubts"):
            setattr(self.tool, name, self.chance.random() < 0.1)
        refusing = [book.name for book in self.books if self.chance.random() < 0.15]
        self.tool.undo_refuses = set(refusing)
        dying = self.chance.choice(self.books).name
        self.tool.undo_dies = dying if self.chance.random() < 0.15 else ""

    def somebody_acts(self) -> None:
        """Let one of them do one thing; whoever is refused or dies changes nothing."""
        acts: list[Callable[[], Any]] = [self.work] * 8 + [
            self.time_passes,
            self.time_passes,
            self.decide,
            self.decide,
            self.verb,
            self.pause,
            self.resume,
        ]
        if self.chance.random() < 0.04:
            acts = [self.cancel, self.cancel, self.late]
        with suppress(*DEAD):
            self.chance.choice(acts)()

    def work(self) -> None:
        """Let a worker take any step, rung for or not."""
        ready = list(Step.objects.filter(run=self.run, state="ready").order_by("position"))
        if not ready:
            return
        taken = self.chance.choice(ready)
        if taken.undoes_id:
            undoing.undo(step_id=taken.pk, worker="w")
        elif taken.action_id:
            execution.execute(step_id=taken.pk, worker="w")
        else:
            turns.drive(step_id=taken.pk, worker="w")

    def time_passes(self) -> None:
        Step.objects.filter(run=self.run, state="running").update(lease_expires_at=Now())
        Step.objects.filter(run=self.run, state="backoff").update(not_before=Now())
        sweep()

    def decide(self) -> None:
        for gate in Gate.objects.filter(state="pending"):
            verb = "approve" if self.chance.random() < 0.85 else "reject"
            governance.review(gate, self.home.grace, verb)
        sweep()

    def verb(self) -> None:
        stuck = Step.objects.filter(run=self.run, state="escalated").first()
        if stuck is None:
            return
        said: dict[str, Any] = {
            "run_id": self.run.pk,
            "person": self.home.ines,
            "reason": "Because.",
        }
        happened = self._happened(stuck)
        verbs: list[Callable[[], Any]] = [
            lambda: escalation.retry(**said, step_id=stuck.pk),
            lambda: escalation.skip(**said, step_id=stuck.pk),
            lambda: escalation.fail(**said, step_id=stuck.pk),
            lambda: escalation.roll_back(**said),
            lambda: escalation.reconcile(
                **said, step_id=stuck.pk, happened=happened, response={"line": "second"}
            ),
        ]
        self.chance.choice(verbs)()

    def _happened(self, stuck: Step) -> bool:
        """Look into the ledger, as a person would."""
        effect = stuck.undoes or Effect.objects.filter(action=stuck.action_id).first()
        return effect is not None and any(effect.effect_key in b.read_text() for b in self.books)

    def pause(self) -> None:
        mode = self.chance.choice(list(PauseMode))
        pausing.pause(run_id=self.run.pk, person=self.home.ines, reason="Wait.", mode=mode)

    def resume(self) -> None:
        pausing.resume(run_id=self.run.pk, person=self.home.ines, reason="Go on.")

    def cancel(self) -> None:
        cancellation.cancel(run_id=self.run.pk, person=self.home.ines, reason="Enough.")

    def late(self) -> None:
        Run.objects.filter(pk=self.run.pk).update(deadline_at=Now())
        sweep()


def _reachable(before: str, after: str) -> bool:
    """Whether one act can lead from one state to the other, by legal moves only."""
    seen, ahead = {before}, [before]
    while ahead:
        for state in RUN_TRANSITIONS[ahead.pop()] - seen:
            if not (before in RUN_ENDING and state in {"running", "waiting", "paused"}):
                seen.add(state)
                ahead.append(state)
    return after in seen


@pytest.mark.parametrize("seed", range(12))
def test_a_run_ends_lawfully_whatever_happens_to_it(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    tool = BrokenLedger(effect_class="none" if seed % 3 == 0 else "probe")
    monkeypatch.setitem(adapters._adapters, tool.slug, tool)
    world = World(operated(tmp_path), tmp_path, tool, seed)
    for _ in range(TURMOIL):
        world.misfortune()
        world.somebody_acts()
        world.note()
    tool.dies_before = tool.dies_after = tool.doubts = False
    tool.undo_refuses, tool.undo_dies = set(), ""
    for _ in range(PATIENCE):
        if world.run.state in RUN_FINAL:
            break
        world.somebody_acts()
        world.note()
    assert world.run.state in RUN_FINAL, world.states
    _nothing_went_back(world.run)
    _undone_in_order(world.run)
    _the_world_is_as_recorded(world)
    outcome = replay(world.run.pk)
    assert isinstance(outcome, Replayed), outcome


def _nothing_went_back(run: Run) -> None:
    told = list(_events(run).values_list("type", flat=True))
    if "run.rolling_back" in told:
        after = told[told.index("run.rolling_back") :]
        assert not {"run.resumed", "run.waiting", "run.paused", "run.succeeded"} & set(after)


def _undone_in_order(run: Run) -> None:
    """Every undo was begun once, and the last committed first; people may begin one again."""
    undos = {str(s.pk): s.undoes for s in Step.objects.filter(run=run, undoes__isnull=False)}
    ready = _events(run).filter(type="step.ready").values_list("object_id", flat=True)
    begun = [effect for pk in dict.fromkeys(ready) if (effect := undos.get(pk))]
    # One that was in doubt has no rank before a person settles it.
    settled = set(
        _events(run).filter(type="effect.reconciled").values_list("object_id", flat=True)
    )
    ranks = [e.commit_seq for e in begun if e.commit_seq and str(e.pk) not in settled]
    assert ranks == sorted(set(ranks), reverse=True)
    assert len(begun) == len(undos)


def _the_world_is_as_recorded(world: World) -> None:
    for effect in Effect.objects.filter(run_id=world.run.pk).select_related("action"):
        ledger = Path(effect.action.envelope["arguments"]["ledger"])
        written = f"#{effect.effect_key}\n" in ledger.read_text()
        if effect.state != "unknown":
            assert written == (effect.state in {"succeeded", "reconciled"}), effect
        assert effect.state != "in_flight"


def _events(run: Run) -> Any:
    return Event.objects.filter(stream__object_id=str(run.pk)).order_by("seq")
