from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import override_settings

from governance import adapters
from governance.models import Effect, Gate, Warrant
from governance.refusals import Refusal
from orchestrator.models import AttemptKind, Run, Step
from orchestrator.runners.base import TurnLostError
from orchestrator.services import cancellation, claims, escalation, execution, runs, turns
from orchestrator.services.sweep import sweep
from orchestrator.services.turns import Turn
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House, lines_in
from tests.factories.orchestrator import (
    drive,
    started,
    states_of,
    step,
    step_of,
    tries_of,
    work,
)
from tests.orchestrator.services.broken_ledger import BrokenLedger, WorkerDiedError
from tests.orchestrator.services.escalating import operated
from tests.orchestrator.services.proposing import append


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return operated(tmp_path)


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> BrokenLedger:
    tool = BrokenLedger()
    monkeypatch.setitem(adapters._adapters, tool.slug, tool)
    return tool


def cancel(run: Run, **fields: Any) -> Run:
    said: dict[str, Any] = {"person": run.initiator, "reason": "Wrong branch.", **fields}
    cancellation.cancel(run_id=run.pk, **said)
    run.refresh_from_db()
    return run


def refused(run: Run, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        cancel(run)
    assert (caught.value.code, caught.value.status) == (code, 409)
    assert recorded(f"run:{run.pk}")[-1] == "run.refused"


@pytest.fixture
def writing(home: House) -> Run:
    """A run that writes a line without asking and then asks for another."""
    make.agent(home, "clerk", proposals=[append(home.open)])
    make.agent(home, "asker", proposals=[append(home.guarded)])
    return started(home, step("write", "clerk"), step("ask", "asker"), step("more", "clerk"))


def test_a_run_that_did_nothing_yet_is_cancelled_at_once(home: House) -> None:
    make.agent(home, "style")
    run = cancel(started(home, step("a", "style"), step("b", "style")))
    assert (run.state, run.error_code, run.error_detail) == (
        "cancelled",
        "cancelled",
        "Wrong branch.",
    )
    assert (run.cancel_by, run.rollback) == (home.ines, "not_needed")
    assert run.finished_at is not None
    assert states_of(run) == {"a": "cancelled", "b": "cancelled"}
    assert not drive(run, "a")


def test_a_second_request_keeps_the_first_ones_id_and_records_nothing(
    home: House, writing: Run
) -> None:
    work(writing)
    first = cancel(writing).cancel_id
    story = recorded(f"run:{writing.pk}")
    assert cancel(writing, reason="Again.", person=home.grace).cancel_id == first
    assert (writing.cancel_reason, writing.cancel_by) == ("Wrong branch.", home.ines)
    assert recorded(f"run:{writing.pk}") == story


def test_the_gate_that_waits_is_closed_and_what_was_done_is_undone(
    home: House, tool: BrokenLedger, writing: Run
) -> None:
    work(writing)
    assert writing.state == "waiting"
    cancel(writing)
    assert Gate.objects.get().state == "cancelled"
    assert states_of(writing)["ask"] == "cancelled"
    work(writing)
    assert (writing.state, writing.rollback) == ("cancelled", "complete")
    assert tool.undone == [home.open.name]
    assert lines_in(home.guarded) == 0


def test_the_file_can_leave_a_cancelled_runs_effects_in_place(
    home: House, tool: BrokenLedger
) -> None:
    make.agent(home, "clerk", proposals=[append(home.open)])
    make.agent(home, "asker", proposals=[append(home.guarded)])
    run = work(started(home, step("write", "clerk"), step("ask", "asker"), rollback_on=["failed"]))
    cancel(run)
    assert (run.state, run.rollback, lines_in(home.open)) == ("cancelled", "skipped", 1)


def test_what_was_approved_and_has_not_begun_never_happens(home: House, writing: Run) -> None:
    work(writing)
    governance.review(Gate.objects.get(), home.grace)
    assert sweep().resumed == 1
    cancel(writing)
    assert not execution.execute(step_id=step_of(writing, "ask").pk, worker="late")
    assert lines_in(home.guarded) == 0


def test_a_run_that_has_ended_cannot_be_cancelled(home: House) -> None:
    make.agent(home, "style")
    run = work(started(home, step("a", "style")))
    refused(run, "run_ended")
    run.refresh_from_db()
    assert (run.state, run.cancel_id) == ("succeeded", None)


def test_a_cancel_while_effects_are_undone_changes_nothing(
    home: House, tool: BrokenLedger
) -> None:
    tool.undo_refuses = {home.open.name}
    make.agent(home, "clerk", proposals=[append(home.open)])
    make.broken_agent(home, "broken")
    steps = step("write", "clerk"), step("last", "broken", on_failure="stop")
    run = work(started(home, *steps))
    assert run.state == "compensating"
    refused(run, "rolling_back")
    assert run.cancel_id is None


# Workers ------------------------------------------------------------------------------------


def looking(home: House) -> tuple[Run, claims.Claim]:
    make.agent(home, "style")
    run = started(home, step("a", "style"), step("b", "style"))
    claim = claims.claim(step_id=step_of(run, "a").pk, kind=AttemptKind.TURN, worker="agents:1")
    assert claim is not None
    return run, claim


def test_a_worker_learns_of_it_at_its_next_heartbeat_and_lets_go(home: House) -> None:
    run, claim = looking(home)
    assert cancel(run).state == "cancelling"
    assert states_of(run) == {"a": "running", "b": "cancelled"}
    with pytest.raises(TurnLostError):
        claims.heartbeat(claim, agent_must_be_active=True)
    assert turns.take(claim) is None
    run.refresh_from_db()
    assert (run.state, states_of(run)["a"]) == ("cancelled", "cancelled")
    assert tries_of(run, "a") == ["stale"]


def test_what_a_turn_brings_after_the_request_is_not_taken_over(home: House) -> None:
    run, claim = looking(home)
    turn = turns._worked(claim)
    cancel(run)
    with pytest.raises(TurnLostError):
        turns.commit(claim, Turn(turn.result, turn.judged))
    assert step_of(run, "a").output == {}


def test_a_turn_that_was_committed_before_the_request_counts(home: House) -> None:
    run, claim = looking(home)
    following = turns.commit(claim, turns._worked(claim))
    assert following is not None
    cancel(run)
    assert turns.take(following) is None
    assert states_of(run) == {"a": "succeeded", "b": "cancelled"}


def test_a_worker_that_does_not_listen_loses_its_step_after_a_while(home: House) -> None:
    run, claim = looking(home)
    cancel(run)
    assert sweep().revoked == 0
    with override_settings(CANCEL_GRACE_SECONDS=0):
        assert sweep().revoked == 1
    run.refresh_from_db()
    assert (run.state, states_of(run)["a"]) == ("cancelled", "cancelled")
    with pytest.raises(TurnLostError):
        turns.commit(claim, turns._worked(claim))


def test_a_worker_that_died_during_the_cancellation_does_not_hold_it_up(home: House) -> None:
    run, _claim = looking(home)
    cancel(run)
    Step.objects.filter(state="running").update(lease_expires_at=Now())
    sweep()
    run.refresh_from_db()
    assert run.state == "cancelled"


# Effects in flight ---------------------------------------------------------------------------


@pytest.fixture
def in_flight(
    home: House, tool: BrokenLedger, request: pytest.FixtureRequest
) -> Callable[..., Run]:
    """A run that is cancelled while its effect is in flight and its worker is dead."""

    def made(**broken: Any) -> Run:
        for name, value in broken.items():
            setattr(tool, name, value)
        make.agent(home, "clerk", proposals=[append(home.open)])
        run = started(home, step("write", "clerk"), step("more", "clerk"))
        with pytest.raises(WorkerDiedError):
            work(run)
        assert cancel(run).state == "cancelling"
        assert states_of(run) == {"write": "running", "more": "cancelled"}
        tool.dies_before = tool.dies_after = False
        Step.objects.filter(state="running").update(lease_expires_at=Now())
        assert sweep().reclaimed == 1
        return work(run)

    return made


def test_an_effect_that_happened_is_found_and_undone(
    home: House, tool: BrokenLedger, in_flight: Callable[..., Run]
) -> None:
    run = in_flight(dies_after=True)
    assert (run.state, run.rollback) == ("cancelled", "complete")
    assert (tool.calls, lines_in(home.open)) == (1, 0)
    assert Effect.objects.get().state == "compensated"


def test_an_effect_that_did_not_happen_is_not_done_any_more(
    home: House, tool: BrokenLedger, in_flight: Callable[..., Run]
) -> None:
    run = in_flight(dies_before=True)
    assert (run.state, run.rollback) == ("cancelled", "not_needed")
    assert (tool.calls, lines_in(home.open)) == (1, 0)
    assert Effect.objects.get().state == "failed"
    assert states_of(run)["write"] == "cancelled"


def test_an_effect_that_nobody_can_tell_of_waits_for_a_person(
    home: House, tool: BrokenLedger, in_flight: Callable[..., Run]
) -> None:
    run = in_flight(dies_after=True, effect_class="none")
    assert (run.state, run.error_code) == ("escalated", "compensation_failed")
    assert (Effect.objects.get().state, tool.undone) == ("unknown", [])
    undo = step_of(run, "undo/write")
    assert undo.error_code == "ambiguous_effect"
    said: dict[str, Any] = {"person": home.ines, "reason": "I looked.", "happened": True}
    escalation.reconcile(run_id=run.pk, step_id=undo.pk, **said)
    work(run)
    assert (run.state, run.rollback, lines_in(home.open)) == ("cancelled", "complete", 0)


def test_an_effect_in_doubt_that_did_not_happen_needs_no_undo(
    home: House, tool: BrokenLedger, in_flight: Callable[..., Run]
) -> None:
    run = in_flight(dies_before=True, effect_class="none")
    said: dict[str, Any] = {"person": home.ines, "reason": "I looked.", "happened": False}
    escalation.reconcile(run_id=run.pk, step_id=step_of(run, "undo/write").pk, **said)
    work(run)
    assert (run.state, run.rollback, tool.undone) == ("cancelled", "complete", [])


def test_an_undo_that_is_safe_if_nothing_happened_is_done_without_knowing(
    home: House, tool: BrokenLedger, in_flight: Callable[..., Run]
) -> None:
    run = in_flight(dies_after=True, effect_class="none", safe_if_absent=True)
    assert (run.state, run.rollback, lines_in(home.open)) == ("cancelled", "complete", 0)


def test_an_effect_under_way_is_finished_by_its_own_worker_and_undone(
    home: House, tool: BrokenLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.agent(home, "clerk", proposals=[append(home.open)])
    run = started(home, step("write", "clerk"))
    perform = BrokenLedger.perform

    def slow(self: BrokenLedger, *args: Any, **keys: Any) -> Mapping[str, Any]:
        cancel(run)
        return perform(self, *args, **keys)

    monkeypatch.setattr(BrokenLedger, "perform", slow)
    work(run)
    assert (run.state, run.rollback, lines_in(home.open)) == ("cancelled", "complete", 0)
    assert tries_of(run, "write") == ["proposed", "succeeded"]


def test_no_warrant_is_used_once_the_run_is_being_cancelled(
    home: House, tool: BrokenLedger
) -> None:
    make.agent(home, "clerk", proposals=[append(home.open)])
    run = started(home, step("write", "clerk"))
    drive(run, "write")
    step_id = step_of(run, "write").pk
    claim = claims.claim(step_id=step_id, kind=AttemptKind.EXECUTION, worker="effects:1")
    assert claim is not None
    assert cancel(run).state == "cancelling"
    with pytest.raises(TurnLostError):
        execution._execute(claim)
    cancellation.let_go(claim)
    run.refresh_from_db()
    assert (run.state, tool.calls) == ("cancelled", 0)
    assert Warrant.objects.get().state == "issued"


def test_advancing_an_ending_run_again_changes_nothing(home: House) -> None:
    run, _claim = looking(home)
    cancel(run)
    story = recorded(f"run:{run.pk}")
    assert runs.advance(run_id=run.pk) is None
    assert recorded(f"run:{run.pk}") == story
