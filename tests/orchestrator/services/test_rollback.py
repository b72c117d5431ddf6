from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.models import Event
from governance import adapters
from governance.models import Effect, Gate
from orchestrator.models import Run, Step
from orchestrator.selectors.rollback import statement_of
from orchestrator.services import undoing
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House, house, lines_in
from tests.factories.orchestrator import started, states_of, step, step_of, tries_of, work
from tests.orchestrator.services.broken_ledger import BrokenLedger, WorkerDiedError
from tests.orchestrator.services.proposing import append


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> BrokenLedger:
    tool = BrokenLedger()
    monkeypatch.setitem(adapters._adapters, tool.slug, tool)
    return tool


@pytest.fixture
def books(home: House, tmp_path: Path) -> list[Path]:
    """Three ledgers that nobody guards, with an agent that writes into each."""
    books = [tmp_path / f"{name}.txt" for name in ("a", "b", "c")]
    for book in books:
        book.write_text("first\n")
        make.agent(home, f"clerk{book.stem}", proposals=[append(book)])
    make.broken_agent(home, "broken")
    return books


def writing(books: list[Path], **pivot: Any) -> list[dict[str, Any]]:
    return [step(b.stem, f"clerk{b.stem}", **pivot.get(b.stem, {})) for b in books]


def failing(home: House, books: list[Path], **fields: Any) -> Run:
    pivots = fields.pop("pivots", {})
    run = started(
        home, *writing(books, **pivots), step("last", "broken", on_failure="stop"), **fields
    )
    return work(run)


def commits(run: Run) -> list[int]:
    """Return the commit_seq of the effects in the order in which they were undone."""
    undone = Event.objects.filter(stream__object_id=str(run.pk), type="effect.compensated")
    ids = list(undone.order_by("seq").values_list("object_id", flat=True))
    return [Effect.objects.values_list("commit_seq", flat=True).get(pk=pk) or 0 for pk in ids]


def fates(run: Run) -> list[tuple[str, str]]:
    return [(fate.step_path, fate.word) for fate in statement_of(run.pk)]


def rest_over() -> None:
    Step.objects.filter(state="backoff").update(not_before=Now())
    assert sweep().woken == 1


def test_a_run_that_fails_undoes_its_effects_the_last_one_first(
    home: House, tool: BrokenLedger, books: list[Path]
) -> None:
    run = failing(home, books)
    assert (run.state, run.error_code, run.rollback) == ("failed", "unknown_runner", "complete")
    assert tool.undone == ["c.txt", "b.txt", "a.txt"]
    assert commits(run) == [3, 2, 1]
    assert [lines_in(book) for book in books] == [0, 0, 0]
    assert fates(run) == [("c", "undone"), ("b", "undone"), ("a", "undone")]
    assert states_of(run)["undo/c"] == "succeeded"
    assert step_of(run, "a").state == "succeeded"
    story = recorded(f"run:{run.pk}")
    ends = ["run.rolling_back", "run.rollback_stated", "run.failed"]
    assert [type for type in story if type in ends] == ends


def test_a_run_without_effects_ends_at_once(home: House, books: list[Path]) -> None:
    run = failing(home, [])
    assert (run.state, run.rollback) == ("failed", "not_needed")
    assert "run.rolling_back" not in recorded(f"run:{run.pk}")


def test_the_file_says_at_which_ends_nothing_is_undone(
    home: House, tool: BrokenLedger, books: list[Path]
) -> None:
    run = failing(home, books, rollback_on=["cancelled"])
    assert (run.state, run.rollback) == ("failed", "skipped")
    assert tool.undone == []
    assert fates(run) == [("c", "in_place"), ("b", "in_place"), ("a", "in_place")]


def test_a_rejected_gate_undoes_what_was_done_before_it(
    home: House, tool: BrokenLedger, books: list[Path]
) -> None:
    make.agent(home, "asker", proposals=[append(home.guarded)])
    run = work(started(home, *writing(books), step("ask", "asker")))
    governance.review(Gate.objects.get(), home.grace, "reject")
    assert sweep().resumed == 1
    work(run)
    assert (run.state, run.rollback) == ("rejected", "complete")
    assert commits(run) == [3, 2, 1]
    assert lines_in(home.guarded) == 0


def test_nothing_is_undone_after_a_point_of_no_return_and_a_failure_asks_a_person(
    home: House, tool: BrokenLedger, books: list[Path]
) -> None:
    run = failing(home, books, pivots={"b": {"pivot": True}})
    assert (run.state, run.error_code) == ("escalated", "unknown_runner")
    assert step_of(run, "last").state == "escalated"
    assert tool.undone == []
    assert [lines_in(book) for book in books] == [1, 1, 1]


def test_an_undo_that_fails_is_tried_three_times_and_keeps_no_other_from_being_undone(
    home: House, tool: BrokenLedger, books: list[Path]
) -> None:
    tool.undo_refuses = {"b.txt"}
    run = failing(home, books)
    assert run.state == "compensating"
    for _ in range(2):
        rest_over()
        work(run)
    assert tool.undone == ["c.txt", "b.txt", "b.txt", "b.txt", "a.txt"]
    assert (run.state, run.error_code) == ("escalated", "compensation_failed")
    assert commits(run) == [3, 1]
    assert fates(run) == [("c", "undone"), ("b", "not_undone"), ("a", "undone")]
    assert tries_of(run, "undo/b") == ["failed", "failed", "failed"]


def test_a_worker_lost_in_the_middle_of_an_undo_leaves_it_to_the_next(
    home: House, tool: BrokenLedger, books: list[Path]
) -> None:
    tool.undo_dies = "b.txt"
    with pytest.raises(WorkerDiedError):
        failing(home, books)
    run = Run.objects.get()
    assert (run.state, lines_in(books[1])) == ("compensating", 0)
    tool.undo_dies = ""
    Step.objects.filter(state="running").update(lease_expires_at=Now())
    assert sweep().reclaimed == 1
    work(run)
    assert (run.state, run.rollback) == ("failed", "complete")
    assert tool.undone == ["c.txt", "b.txt", "b.txt", "a.txt"]
    assert commits(run) == [3, 2, 1]
    assert tries_of(run, "undo/b") == ["crashed", "succeeded"]


def test_an_undo_is_nobodys_before_the_one_after_it_in_the_world_is_done(
    home: House, tool: BrokenLedger, books: list[Path]
) -> None:
    tool.undo_refuses = {"c.txt"}
    run = failing(home, books)
    assert states_of(run)["undo/b"] == "blocked"
    assert not undoing.undo(step_id=step_of(run, "undo/b").pk, worker="early")
    assert tool.undone == ["c.txt"]


def test_a_deadline_does_not_interrupt_a_rollback(
    home: House, tool: BrokenLedger, books: list[Path]
) -> None:
    tool.undo_refuses = {"c.txt"}
    run = failing(home, books)
    Run.objects.update(deadline_at=Now())
    assert sweep().timed_out == 0
    run.refresh_from_db()
    assert run.state == "compensating"


def test_a_run_past_its_deadline_is_rolled_back_and_has_timed_out(
    home: House, tool: BrokenLedger, books: list[Path]
) -> None:
    make.agent(home, "asker", proposals=[append(home.guarded)])
    run = work(started(home, *writing(books), step("ask", "asker")))
    Run.objects.update(deadline_at=Now())
    assert sweep().timed_out == 1
    work(run)
    assert (run.state, run.error_code, run.rollback) == ("timed_out", "deadline", "complete")
    assert Gate.objects.get().state == "cancelled"
