from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from governance.models import Gate, Warrant
from governance.refusals import Refusal
from orchestrator.models import AttemptKind, PauseMode, Run, Step
from orchestrator.runners.base import TurnLostError
from orchestrator.services import cancellation, claims, execution, pausing, turns
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House, lines_in
from tests.factories.orchestrator import drive, started, states_of, step, step_of, tries_of, work
from tests.orchestrator.services.escalating import escalated, operated
from tests.orchestrator.services.proposing import append


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return operated(tmp_path)


@pytest.fixture
def run(home: House) -> Run:
    make.agent(home, "style")
    return started(home, step("a", "style"), step("b", "style"))


def pause(run: Run, **fields: Any) -> Run:
    pausing.pause(run_id=run.pk, **{"person": run.initiator, "reason": "Wait.", **fields})
    run.refresh_from_db()
    return run


def resume(run: Run) -> Run:
    pausing.resume(run_id=run.pk, person=run.initiator, reason="Go on.")
    run.refresh_from_db()
    return run


def refused(run: Run, use: Any, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        use(run)
    assert (caught.value.code, caught.value.status) == (code, 409)
    assert recorded(f"run:{run.pk}")[-1] == "run.refused"


def taken(run: Run, path: str = "a", kind: AttemptKind = AttemptKind.TURN) -> claims.Claim:
    claim = claims.claim(step_id=step_of(run, path).pk, kind=kind, worker="worker:1")
    assert claim is not None
    return claim


def test_nothing_is_claimed_while_a_run_is_paused(home: House, run: Run) -> None:
    pause(run)
    assert (run.state, run.pause_by, run.pause_reason) == ("paused", home.ines, "Wait.")
    assert drive(run, "a") == 0
    assert states_of(run) == {"a": "ready", "b": "blocked"}
    resume(run)
    assert (run.state, run.pause_by, run.pause_mode) == ("running", None, "")
    work(run)
    assert run.state == "succeeded"


def test_a_turn_under_way_finishes_and_nothing_follows_it(run: Run) -> None:
    claim = taken(run)
    pause(run)
    assert turns.take(claim) is None
    assert states_of(run) == {"a": "succeeded", "b": "blocked"}
    resume(run)
    assert states_of(run) == {"a": "succeeded", "b": "ready"}


def test_a_turn_can_be_stopped_at_once_and_begins_again_uncounted(run: Run) -> None:
    claim = taken(run)
    pause(run, mode=PauseMode.NOW)
    with pytest.raises(TurnLostError):
        claims.heartbeat(claim)
    assert turns.take(claim) is None
    a = step_of(run, "a")
    assert (a.state, a.attempts, a.crash_count) == ("ready", 0, 0)
    work(resume(run))
    assert tries_of(run, "a") == ["stale", "succeeded"]


def test_gates_can_be_decided_while_a_run_is_paused_and_the_effect_waits(home: House) -> None:
    make.agent(home, "clerk", proposals=[append(home.guarded)])
    run = work(started(home, step("write", "clerk")))
    pause(run)
    governance.review(Gate.objects.get(), home.grace)
    assert sweep().resumed == 1
    run.refresh_from_db()
    assert (run.state, step_of(run, "write").state) == ("paused", "ready")
    assert not execution.execute(step_id=step_of(run, "write").pk, worker="early")
    assert lines_in(home.guarded) == 0
    work(resume(run))
    assert (run.state, lines_in(home.guarded)) == ("succeeded", 1)


def test_a_rejection_during_the_pause_ends_the_run_when_it_is_resumed(home: House) -> None:
    make.agent(home, "clerk", proposals=[append(home.guarded)])
    run = pause(work(started(home, step("write", "clerk"))))
    governance.review(Gate.objects.get(), home.grace, "reject")
    assert sweep().resumed == 1
    run.refresh_from_db()
    assert run.state == "paused"
    assert resume(run).state == "rejected"


def test_no_new_effect_begins_under_a_claim_from_before_the_pause(home: House) -> None:
    make.agent(home, "clerk", proposals=[append(home.open)])
    run = started(home, step("write", "clerk"))
    drive(run, "write")
    claim = taken(run, "write", AttemptKind.EXECUTION)
    pause(run)
    with pytest.raises(TurnLostError):
        execution._execute(claim)
    cancellation.let_go(claim)
    assert (step_of(run, "write").state, lines_in(home.open)) == ("ready", 0)
    assert Warrant.objects.get().state == "issued"
    work(resume(run))
    assert (run.state, lines_in(home.open)) == ("succeeded", 1)


def test_a_waiting_run_waits_again_and_an_escalated_one_needs_a_person_again(
    home: House,
) -> None:
    make.agent(home, "clerk", proposals=[append(home.guarded)])
    waiting = work(started(home, step("write", "clerk")))
    assert resume(pause(waiting)).state == "waiting"
    assert resume(pause(escalated(home))).state == "escalated"


def test_a_paused_run_can_be_cancelled_and_times_out(home: House, run: Run) -> None:
    pause(run)
    other = pause(started(home, step("a", "style"), name="other"))
    cancellation.cancel(run_id=run.pk, person=home.ines, reason="Enough.")
    Run.objects.filter(pk=other.pk).update(deadline_at=Now())
    assert sweep().timed_out == 1
    for made, state in ((run, "cancelled"), (other, "timed_out")):
        made.refresh_from_db()
        assert made.state == state


def test_a_step_that_rests_becomes_ready_and_waits_for_the_run(home: House, run: Run) -> None:
    Step.objects.filter(path="a").update(state="backoff", not_before=Now())
    pause(run)
    assert sweep().woken == 1
    assert (step_of(run, "a").state, drive(run, "a")) == ("ready", 0)


def test_pausing_twice_resuming_what_runs_and_pausing_what_ended_are_refused(run: Run) -> None:
    refused(run, resume, "not_paused")
    pause(run)
    refused(run, pause, "already_paused")
    work(resume(run))
    refused(run, pause, "illegal_transition")


def test_who_may_not_operate_runs_cannot_pause(home: House, run: Run) -> None:
    with pytest.raises(Refusal) as caught:
        pause(run, person=home.mallory)
    assert caught.value.status == 403
    run.refresh_from_db()
    assert run.state == "running"
