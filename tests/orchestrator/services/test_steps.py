from collections.abc import Callable
from pathlib import Path

import pytest
from django.db.models.functions import Now

from governance.models import Agent
from governance.refusals import Refusal
from orchestrator.models import STEP_TRANSITIONS, AttemptKind, Run, Step, StepState
from orchestrator.runners.base import TurnLostError
from orchestrator.services import claims, step_states
from orchestrator.services.sweep import sweep
from tests.factories import orchestrator as make
from tests.factories.audit import recorded, size_of_the_log
from tests.factories.governance import House, house
from tests.factories.identity import let_pass
from tests.factories.orchestrator import started, step, step_of, tries_of


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture
def run(home: House) -> Run:
    make.agent(home, "style")
    return started(home, step("a", "style"), step("b", "style"))


def take(run: Run, worker: str = "w:1") -> claims.Claim | None:
    return claims.claim(step_id=step_of(run, "a").pk, kind=AttemptKind.TURN, worker=worker)


def test_a_step_cannot_make_a_move_that_is_not_in_the_table(run: Run) -> None:
    for before, legal in STEP_TRANSITIONS.items():
        Step.objects.filter(run=run, path="a").update(state=before)
        found = step_of(run, "a")
        for after in set(StepState) - legal:
            with pytest.raises(Refusal) as caught:
                step_states.move(found, after)
            assert (caught.value.code, caught.value.status) == ("illegal_transition", 409)
            assert step_of(run, "a").state == before


def test_a_step_that_moved_meanwhile_is_not_moved_again(run: Run) -> None:
    stale = step_of(run, "a")
    Step.objects.filter(pk=stale.pk).update(epoch=7)
    with pytest.raises(Refusal) as caught:
        step_states.move(stale, StepState.FAILED)
    assert caught.value.code == "step_moved"
    assert step_of(run, "a").state == "ready"


def test_a_claim_moves_the_epoch_and_opens_an_attempt(run: Run) -> None:
    claim = take(run)
    assert claim is not None
    held = step_of(run, "a")
    assert (held.state, held.epoch, held.lease_owner) == ("running", 1, "w:1")
    assert held.lease_expires_at is not None
    assert tries_of(run, "a") == ["running"]


def test_a_step_that_is_held_cannot_be_claimed(run: Run) -> None:
    take(run)
    before = size_of_the_log()
    assert take(run, "w:2") is None
    assert step_of(run, "a").lease_owner == "w:1"
    assert tries_of(run, "a") == ["running"]
    assert size_of_the_log() == before


def test_a_blocked_step_cannot_be_claimed(run: Run) -> None:
    blocked = step_of(run, "b")
    assert claims.claim(step_id=blocked.pk, kind=AttemptKind.TURN, worker="w") is None


@pytest.mark.parametrize("state", ["paused", "waiting", "escalated", "cancelling", "timed_out"])
def test_a_step_of_a_run_that_does_not_run_cannot_be_claimed(run: Run, state: str) -> None:
    Run.objects.filter(pk=run.pk).update(state=state)
    assert take(run) is None
    assert step_of(run, "a").state == "ready"


def test_a_step_without_an_action_cannot_be_executed(run: Run) -> None:
    pk = step_of(run, "a").pk
    assert claims.claim(step_id=pk, kind=AttemptKind.EXECUTION, worker="w") is None


def test_a_heartbeat_prolongs_the_lease(run: Run) -> None:
    claim = take(run)
    assert claim is not None
    Step.objects.filter(run=run, path="a").update(lease_expires_at=Now())
    claims.heartbeat(claim)
    assert sweep().reclaimed == 0
    assert step_of(run, "a").state == "running"


def test_a_heartbeat_after_the_claim_was_lost_says_so(run: Run) -> None:
    claim = take(run)
    assert claim is not None
    expire(run)
    assert sweep().reclaimed == 1
    with pytest.raises(TurnLostError):
        claims.heartbeat(claim)
    with pytest.raises(TurnLostError):
        claims.held(claim)


def test_an_agent_suspended_while_it_works_loses_its_turn_and_an_effect_goes_on(run: Run) -> None:
    claim = take(run)
    assert claim is not None
    Agent.objects.filter(slug="style").update(lifecycle="suspended")
    with pytest.raises(TurnLostError):
        claims.heartbeat(claim, agent_must_be_active=True)
    claims.heartbeat(claim)


def test_a_lost_worker_gives_its_step_back_and_a_new_one_takes_it(run: Run) -> None:
    take(run)
    expire(run)
    assert sweep().reclaimed == 1
    lost = step_of(run, "a")
    assert (lost.state, lost.epoch, lost.crash_count) == ("ready", 2, 1)
    assert tries_of(run, "a") == ["crashed"]
    again = take(run, "w:2")
    assert again is not None
    assert again.epoch == 3
    assert tries_of(run, "a") == ["crashed", "running"]


def test_the_third_lost_worker_makes_the_step_a_question_to_a_person(run: Run) -> None:
    for _ in range(3):
        assert take(run) is not None
        expire(run)
        assert sweep().reclaimed == 1
    run.refresh_from_db()
    assert (step_of(run, "a").state, step_of(run, "a").error_code) == ("escalated", "poison")
    assert (run.state, run.error_code) == ("escalated", "poison")
    assert recorded(f"run:{run.pk}")[-2:] == ["step.escalated", "run.escalated"]


def test_a_lease_that_has_not_expired_is_left_alone(run: Run) -> None:
    take(run)
    assert sweep().reclaimed == 0
    assert step_of(run, "a").state == "running"


def test_a_ready_step_nobody_heard_of_is_rung_again_after_a_while(run: Run) -> None:
    assert sweep().rung == 0
    let_pass(Step, "rung_at", 60)
    assert sweep().rung == 1
    assert sweep().rung == 0


def test_five_workers_at_once_make_one_attempt(
    committed_db: None, race: Callable[..., list[object]], tmp_path: Path
) -> None:
    home = house(tmp_path)
    make.agent(home, "style")
    run = started(home, step("a", "style"))
    won = [claim for claim in race(*[lambda: take(run)] * 5) if claim is not None]
    assert len(won) == 1
    assert isinstance(won[0], claims.Claim), won
    assert tries_of(run, "a") == ["running"]
    assert step_of(run, "a").epoch == 1


def expire(run: Run) -> None:
    Step.objects.filter(run=run, path="a").update(lease_expires_at=Now())
