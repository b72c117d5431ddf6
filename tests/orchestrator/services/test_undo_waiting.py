"""An undo takes what the step took that it undoes: mutexes and places of its agent."""

from pathlib import Path

import pytest

from governance import adapters
from governance.models import Agent
from orchestrator.models import AttemptKind, Run
from orchestrator.services import claims, escalation, execution, turns, undoing
from orchestrator.services.claims import Claim
from orchestrator.services.sweep import sweep
from tests.factories import orchestrator as make
from tests.factories.governance import House
from tests.factories.orchestrator import WORKER, started, states_of, step, step_of, work
from tests.orchestrator.services.broken_ledger import BrokenLedger
from tests.orchestrator.services.escalating import operated, use
from tests.orchestrator.services.proposing import append


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> BrokenLedger:
    tool = BrokenLedger(effect_class="none")
    monkeypatch.setitem(adapters._adapters, tool.slug, tool)
    return tool


@pytest.fixture
def home(db: None, tmp_path: Path, tool: BrokenLedger) -> House:
    home = operated(tmp_path)
    make.agent(home, "ann")
    make.broken_agent(home, "broken")
    for name in "ab":
        book = tmp_path / f"{name}.txt"
        book.write_text("first\n")
        make.agent(home, f"clerk{name}", proposals=[append(book)])
    return home


def take(run: Run, path: str) -> Claim | None:
    return claims.claim(step_id=step_of(run, path).pk, kind=AttemptKind.TURN, worker=WORKER)


def done(home: House, **of_a: object) -> Run:
    """Let a run write one line and wait before its last step, which will fail."""
    run = started(home, step("a", "clerka", **of_a), step("last", "broken", on_failure="stop"))
    while states_of(run)["a"] != "succeeded":
        work_once(run, "a")
    return run


def work_once(run: Run, path: str) -> None:
    if step_of(run, path).action_id:
        execution.execute(step_id=step_of(run, path).pk, worker=WORKER)
    else:
        turns.take(take(run, path))  # type: ignore[arg-type]  # nobody else is there


def begun(home: House, first: str, then: str) -> Run:
    """Let a run write one line, and come to the next."""
    run = started(home, step("a", "clerka", mutex=[first]), step("b", "clerkb", mutex=[then]))
    while states_of(run)["a"] != "succeeded":
        work_once(run, "a")
    return run


def doubted(run: Run, tool: BrokenLedger) -> Run:
    """Leave it in doubt whether the run wrote the other line."""
    tool.doubts = True
    work(run)
    assert (run.state, run.error_code) == ("escalated", "ambiguous_effect")
    return run


def roll_back(run: Run) -> Run:
    escalation.roll_back(run_id=run.pk, person=run.initiator, reason="Start over.")
    return work_until_held(run)


def work_until_held(run: Run) -> Run:
    for path in ("undo/b", "undo/a"):
        if states_of(run).get(path) == "ready":
            undoing.undo(step_id=step_of(run, path).pk, worker=WORKER)
    run.refresh_from_db()
    return run


def test_an_undo_waits_for_what_its_step_had_alone(home: House, tool: BrokenLedger) -> None:
    run = done(home, mutex=["m"])
    other = started(home, step("x", "ann", mutex=["m"]))
    holder = take(other, "x")
    assert holder is not None
    turns.take(take(run, "last"))  # type: ignore[arg-type]  # nobody else is there
    work_until_held(run)
    waits = step_of(run, "undo/a")
    assert (run.state, waits.state) == ("compensating", "ready")
    assert waits.waits_for == f"{home.domain.pk}/m"
    assert tool.undone == []
    turns.take(holder)
    assert work(run).rollback == "complete"
    assert tool.undone == ["a.txt"]


def test_what_an_undo_has_alone_nobody_else_takes(home: House, tool: BrokenLedger) -> None:
    run = done(home, mutex=["m"])
    turns.take(take(run, "last"))  # type: ignore[arg-type]  # nobody else is there
    tool.undo_refuses = {"a.txt"}
    work_until_held(run)
    assert states_of(run)["undo/a"] == "backoff"
    other = started(home, step("x", "ann", mutex=["m"]))
    assert take(other, "x") is None


def test_an_undo_needs_what_the_block_around_its_step_had_alone(home: House) -> None:
    block = {"id": "all", "pattern": "sequential", "mutex": ["m"]}
    aliases = {name: {"ref": f"{name}@1"} for name in ("clerka", "broken")}
    steps = [step("a", "clerka"), step("last", "broken", on_failure="stop")]
    run = started(home, {**block, "steps": steps}, agents=aliases)
    work(run)
    assert step_of(run, "undo/all/a").mutexes == [f"{home.domain.pk}/m"]
    assert (run.state, run.rollback) == ("failed", "complete")


def test_an_undo_counts_among_what_its_agent_is_at_work_on(
    home: House, tool: BrokenLedger
) -> None:
    Agent.objects.filter(slug="clerka").update(max_parallel=1)
    run = done(home)
    turns.take(take(run, "last"))  # type: ignore[arg-type]  # nobody else is there
    busy = started(home, step("a", "clerka"))
    claim = claims.claim(
        step_id=step_of(run, "undo/a").pk, kind=AttemptKind.COMPENSATION, worker=WORKER
    )
    assert claim is not None
    assert take(busy, "a") is None


def test_what_a_run_left_in_doubt_does_not_hold_up_its_own_undos(
    home: House, tool: BrokenLedger
) -> None:
    run = doubted(begun(home, "m", "m"), tool)
    roll_back(run)
    work_until_held(run)
    assert tool.undone == ["a.txt"]
    assert (run.state, step_of(run, "undo/b").error_code) == ("escalated", "ambiguous_effect")
    assert take(started(home, step("x", "ann", mutex=["m"])), "x") is None


def test_of_undos_that_wait_for_each_others_doubts_the_youngest_needs_a_person(
    home: House, tool: BrokenLedger
) -> None:
    older, younger = begun(home, "m", "n"), begun(home, "n", "m")
    for run in (older, younger):
        doubted(run, tool)
    for run in (older, younger):
        roll_back(run)
        assert (run.state, states_of(run)["undo/a"]) == ("compensating", "ready")
    assert tool.undone == []
    assert sweep().gave_way == 1
    assert sweep().gave_way == 0
    younger.refresh_from_db()
    stuck = step_of(younger, "undo/a")
    assert (stuck.state, stuck.error_code, younger.state) == ("escalated", "deadlock", "escalated")
    use(escalation.reconcile, younger, "undo/b", happened=False)
    assert work(older).state == "escalated"
    assert states_of(older)["undo/a"] == "succeeded"
