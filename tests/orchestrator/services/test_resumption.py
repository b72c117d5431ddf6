from pathlib import Path

import pytest
from django.db.models.functions import Now

from audit.services.events import recording
from audit.types import Actor
from governance.models import Gate, GateState, Warrant
from governance.services import gates, warrants
from orchestrator.models import Run
from orchestrator.services import execution, resumption
from orchestrator.services.sweep import sweep
from tests.factories import orchestrator as make
from tests.factories.audit import recorded, size_of_the_log
from tests.factories.governance import House, house, lines_in
from tests.factories.orchestrator import drive, started, step, step_of
from tests.orchestrator.services.proposing import append


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture
def run(home: House) -> Run:
    make.agent(home, "clerk", proposals=[append(home.guarded)])
    run = started(home, step("write", "clerk"), step("more", "clerk"))
    drive(run, "write")
    return run


def decide(outcome: GateState) -> Gate:
    """Decide without a person, and lose the signal: inside of a test nothing ever commits."""
    gate = Gate.objects.get()
    with recording():
        assert gates.decide(
            gate=gate, outcome=outcome, proof=[], actor=Actor.system("test"), by="Grace"
        )
    return gate


def test_an_approved_step_is_ready_for_its_execution_and_not_for_its_agent(run: Run) -> None:
    gate = decide(GateState.APPROVED)
    assert resumption.resume(gate_id=gate.pk)
    run.refresh_from_db()
    write = step_of(run, "write")
    assert (run.state, write.state, write.attempts) == ("running", "ready", 0)
    assert drive(run, "write") == 0
    assert recorded(f"run:{run.pk}")[-2:] == ["step.ready", "run.resumed"]


def test_a_rejected_step_ends_the_run_and_starts_nothing(run: Run) -> None:
    gate = decide(GateState.REJECTED)
    assert resumption.resume(gate_id=gate.pk)
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("rejected", "gate_rejected")
    assert step_of(run, "write").state == "rejected"
    assert step_of(run, "more").state == "cancelled"


def test_an_expired_gate_rejects_the_run(run: Run) -> None:
    Gate.objects.update(expires_at=Now())
    assert gates.expire_due() == 1
    assert sweep().resumed == 1
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("rejected", "gate_expired")


def test_a_gate_that_still_waits_moves_nothing(run: Run) -> None:
    before = size_of_the_log()
    assert not resumption.resume(gate_id=Gate.objects.get().pk)
    run.refresh_from_db()
    assert run.state == "waiting"
    assert size_of_the_log() == before


def test_hearing_of_a_decision_twice_moves_the_step_once(run: Run) -> None:
    gate = decide(GateState.APPROVED)
    assert resumption.resume(gate_id=gate.pk)
    before = size_of_the_log()
    assert not resumption.resume(gate_id=gate.pk)
    assert size_of_the_log() == before


def test_a_lost_signal_is_found_by_the_sweep(run: Run) -> None:
    decide(GateState.APPROVED)
    assert sweep().resumed == 1
    assert step_of(run, "write").state == "ready"
    assert sweep().resumed == 0


def test_a_decision_after_the_run_ended_changes_nothing(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(deadline_at=Now())
    assert sweep().timed_out == 1
    assert not resumption.resume(gate_id=Gate.objects.get().pk)
    run.refresh_from_db()
    assert run.state == "timed_out"


def test_an_approval_that_ran_out_before_anybody_heard_of_it_is_asked_for_again(
    home: House, run: Run
) -> None:
    decide(GateState.APPROVED)
    Warrant.objects.update(expires_at=Now())
    assert warrants.expire_due() == 1
    assert sweep().resumed == 1
    assert execution.execute(step_id=step_of(run, "write").pk, worker="effects:1")
    assert step_of(run, "write").state == "awaiting_approval"
    assert sorted(Gate.objects.values_list("state", flat=True)) == ["pending", "void"]
    assert lines_in(home.guarded) == 0
