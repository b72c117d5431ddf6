"""After a point of no return a run only goes forward: nothing before it is ever undone."""

from pathlib import Path
from typing import Any

import pytest

from governance import adapters
from governance.models import Gate
from governance.refusals import Refusal
from orchestrator.models import Run
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import cancellation, escalation
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.governance import House, lines_in
from tests.factories.orchestrator import started, step, step_of, work
from tests.orchestrator.services.broken_ledger import BrokenLedger
from tests.orchestrator.services.escalating import operated, use
from tests.orchestrator.services.proposing import append


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> BrokenLedger:
    tool = BrokenLedger()
    monkeypatch.setitem(adapters._adapters, tool.slug, tool)
    return tool


@pytest.fixture
def home(db: None, tmp_path: Path, tool: BrokenLedger) -> House:
    home = operated(tmp_path)
    for name in "abc":
        book = tmp_path / f"{name}.txt"
        book.write_text("first\n")
        make.agent(home, f"clerk{name}", proposals=[append(book)])
    make.agent(home, "asker", proposals=[append(home.guarded)])
    make.broken_agent(home, "broken")
    return home


def past(home: House, agent: str, **of_last: Any) -> Run:
    """Let a run write two lines, the second of no return, and come to its last step."""
    writes = [step("a", "clerka"), step("b", "clerkb", pivot=True)]
    return work(started(home, *writes, step("last", agent, **of_last)))


def book(home: House, name: str) -> Path:
    return home.open.with_name(f"{name}.txt")


def assert_nothing_undone(home: House, tool: BrokenLedger) -> None:
    assert tool.undone == []
    assert [lines_in(book(home, name)) for name in "ab"] == [1, 1]


def test_what_policy_denies_after_it_is_left_to_a_person_and_the_run_goes_on(
    home: House, tool: BrokenLedger
) -> None:
    book(home, "c").write_text("SEALED\n")
    run = past(home, "clerkc")
    assert (run.state, step_of(run, "last").error_code) == ("escalated", "policy_denied")
    with pytest.raises(Refusal, match="point of no return"):
        escalation.roll_back(run_id=run.pk, person=home.ines, reason="Back.")
    other = make.agent(home, "other")
    use(escalation.reroute, run, "last", agent_id=other.pk)
    assert work(run).state == "succeeded"
    assert_nothing_undone(home, tool)


def test_a_checkpoint_that_stops_the_run_asks_a_person_after_it(
    home: House, tool: BrokenLedger
) -> None:
    make.agent(home, "looker", output={"ok": False})
    holds = {"require": "outputs.ok", "message": "It is not well.", "route": "stop"}
    run = past(home, "looker", checkpoint=[holds])
    assert (run.state, step_of(run, "last").state) == ("escalated", "escalated")
    assert_nothing_undone(home, tool)


def test_an_output_that_cannot_be_kept_after_it_is_left_to_a_person(
    home: House, tool: BrokenLedger
) -> None:
    make.agent(home, "scan", output={"best": 1})
    turn = {"start_to_close": "30s"}
    write = {"agent": "scan", "timeouts": turn, "writes": ["best"], "when": "inputs.go"}
    both = {"id": "both", "pattern": "concurrent", "branches": {"left": write, "right": write}}
    run = work(
        started(
            home,
            step("a", "clerka"),
            step("b", "clerkb", pivot=True),
            both,
            agents={name: {"ref": f"{name}@1"} for name in ("clerka", "clerkb", "scan")},
            state={"best": {"type": {}, "reducer": "replace"}},
            inputs={"type": "object", "properties": {"go": {"default": True}}},
        )
    )
    [late] = run.steps.filter(error_code="state_conflict", path__startswith="both/")
    assert (run.state, late.state) == ("escalated", "escalated")
    assert_nothing_undone(home, tool)
    use(escalation.skip, run, late.path)
    assert work(run).state == "succeeded"
    assert isinstance(replay(run.pk), Replayed)


def test_a_person_who_ends_the_run_after_it_undoes_nothing(
    home: House, tool: BrokenLedger
) -> None:
    run = past(home, "broken", on_failure="stop")
    use(escalation.fail, run, "last")
    assert (run.state, run.rollback) == ("failed", "skipped")
    assert_nothing_undone(home, tool)


@pytest.mark.parametrize("end", ["rejected", "cancelled"])
def test_a_gate_or_a_request_that_ends_the_run_after_it_undoes_nothing(
    home: House, tool: BrokenLedger, end: str
) -> None:
    run = past(home, "asker")
    if end == "rejected":
        governance.review(Gate.objects.get(), home.grace, "reject")
        sweep()
    else:
        cancellation.cancel(run_id=run.pk, person=home.ines, reason="Enough.")
    work(run)
    assert (run.state, run.rollback) == (end, "skipped")
    assert_nothing_undone(home, tool)


def test_a_point_of_no_return_that_did_not_do_what_it_does_is_none(
    home: House, tool: BrokenLedger
) -> None:
    last = step("last", "broken", pivot=True, on_failure="stop")
    run = work(started(home, step("a", "clerka"), last))
    assert (run.state, run.rollback) == ("failed", "complete")
    assert tool.undone == ["a.txt"]
