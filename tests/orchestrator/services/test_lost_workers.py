from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from governance.models import Agent, Effect, EffectClass, Warrant
from orchestrator.models import AttemptKind, Run
from orchestrator.services import claims
from tests.factories import orchestrator as make
from tests.factories.governance import House, house, lines_in
from tests.factories.orchestrator import step_of
from tests.orchestrator.services.executing import (
    Tool,
    WorkerDiedError,
    approve,
    execute,
    lose_worker,
    put_in_place,
    waiting_run,
)


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Tool:
    return put_in_place(Tool(), monkeypatch)


@pytest.fixture
def run(home: House, tool: Tool) -> Run:
    return waiting_run(home)


def lost_before_the_effect(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise WorkerDiedError

    with monkeypatch.context() as patch:
        patch.setattr(Tool, "perform", die)
        with pytest.raises(WorkerDiedError):
            execute(run)


def test_what_a_lost_worker_had_not_begun_is_not_begun_for_a_suspended_agent(
    home: House, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(home)
    lost_before_the_effect(run, monkeypatch)
    Agent.objects.filter(slug="clerk").update(lifecycle="suspended")
    lose_worker()
    assert execute(run)
    write = step_of(run, "write")
    assert (write.state, write.error_code) == ("failed", "agent_not_active")
    assert Effect.objects.get().state == "failed"
    assert lines_in(home.guarded) == 0


def test_what_a_lost_worker_had_not_begun_is_asked_for_again_after_its_time(
    home: House, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(home)
    lost_before_the_effect(run, monkeypatch)
    Warrant.objects.update(expires_at=Now())
    lose_worker()
    assert execute(run)
    assert step_of(run, "write").state == "awaiting_approval"
    assert [e.state for e in Effect.objects.all()] == ["failed"]
    assert lines_in(home.guarded) == 0


def test_an_effect_that_can_only_be_sent_again_is_left_to_people_after_its_time(
    home: House, run: Run, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool.effect_class = EffectClass.IDEMPOTENT_KEY
    approve(home)
    lost_before_the_effect(run, monkeypatch)
    Warrant.objects.update(expires_at=Now())
    lose_worker()
    assert execute(run)
    write = step_of(run, "write")
    assert (write.state, write.error_code) == ("escalated", "ambiguous_effect")
    assert Effect.objects.get().state == "unknown"
    assert lines_in(home.guarded) == 0


def test_what_was_done_before_its_worker_was_lost_counts_although_its_time_is_over(
    home: House, run: Run, tool: Tool
) -> None:
    tool.dies_after = True
    approve(home)
    with pytest.raises(WorkerDiedError):
        execute(run)
    Warrant.objects.update(expires_at=Now())
    Agent.objects.filter(slug="clerk").update(lifecycle="suspended")
    lose_worker()
    assert execute(run)
    assert step_of(run, "write").state == "succeeded"
    assert lines_in(home.guarded) == 1


def test_a_mutex_stays_held_while_nobody_knows_what_became_of_the_effect(
    home: House, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = waiting_run(home, mutex=["ledger"])
    make.agent(home, "other")
    next_one = make.started(home, make.step("use", "other", mutex=["ledger"]))
    approve(home)
    lost_before_the_effect(run, monkeypatch)
    lose_worker()
    use = step_of(next_one, "use").pk
    assert claims.claim(step_id=use, kind=AttemptKind.TURN, worker=make.WORKER) is None
    assert execute(run)
    assert step_of(run, "write").state == "succeeded"
    assert claims.claim(step_id=use, kind=AttemptKind.TURN, worker=make.WORKER)


def test_what_a_target_that_takes_late_calls_did_not_do_yet_is_not_begun_again(
    home: House, run: Run, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "refuses_late_calls", False)
    approve(home)
    lost_before_the_effect(run, monkeypatch)
    lose_worker()
    assert execute(run)
    write = step_of(run, "write")
    assert (write.state, write.error_code) == ("escalated", "ambiguous_effect")
    assert Effect.objects.get().state == "unknown"
    assert (tool.calls, lines_in(home.guarded)) == (0, 0)


def test_what_a_target_that_takes_late_calls_did_is_taken_over(
    home: House, run: Run, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "refuses_late_calls", False)
    tool.dies_after = True
    approve(home)
    with pytest.raises(WorkerDiedError):
        execute(run)
    lose_worker()
    assert execute(run)
    assert step_of(run, "write").state == "succeeded"
    assert lines_in(home.guarded) == 1
