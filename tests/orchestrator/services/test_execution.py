from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from governance.models import Action, Agent, Effect, EffectClass, Gate, Warrant
from orchestrator.models import Run
from orchestrator.services.sweep import sweep
from tests.factories import orchestrator as make
from tests.factories.audit import AppendFailedError, failing_append, recorded
from tests.factories.governance import House, house, lines_in
from tests.factories.orchestrator import drive, started, step, step_of, tries_of
from tests.orchestrator.services.executing import (
    Tool,
    WorkerDiedError,
    approve,
    execute,
    lose_worker,
    put_in_place,
    rest_over,
    waiting_run,
)
from tests.orchestrator.services.proposing import append


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Tool:
    return put_in_place(Tool(), monkeypatch)


@pytest.fixture
def run(home: House, tool: Tool) -> Run:
    return waiting_run(home)


def test_nothing_is_executed_before_it_is_approved(home: House, run: Run) -> None:
    assert not execute(run)
    assert lines_in(home.guarded) == 0
    assert not Effect.objects.exists()


def test_an_approved_action_is_carried_out_once_and_the_run_succeeds(
    home: House, run: Run
) -> None:
    approve(home)
    assert execute(run)
    assert not execute(run)
    run.refresh_from_db()
    write = step_of(run, "write")
    assert (run.state, write.state) == ("succeeded", "succeeded")
    assert write.output == {"why": "tidy", "line": "second"}
    assert write.held_output == {}
    assert lines_in(home.guarded) == 1
    effect = Effect.objects.get()
    assert (effect.state, effect.commit_seq, effect.fence) == ("succeeded", 1, write.epoch)
    assert tries_of(run, "write") == ["proposed", "succeeded"]
    story = recorded(f"run:{run.pk}")
    wanted = ["warrant.claimed", "effect.started", "effect.succeeded", "run.succeeded"]
    assert [type for type in story if type in wanted] == wanted


def test_an_action_that_policy_allows_takes_the_same_road_without_people(
    home: House, tool: Tool
) -> None:
    make.agent(home, "clerk", proposals=[append(home.open)])
    run = started(home, step("write", "clerk"))
    drive(run, "write")
    assert (step_of(run, "write").state, Gate.objects.count()) == ("ready", 0)
    assert execute(run)
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert Warrant.objects.get().state == "claimed"
    assert lines_in(home.open) == 1


def test_what_moved_after_the_approval_voids_it_and_asks_again(home: House, run: Run) -> None:
    gate = approve(home)
    home.guarded.write_text("another first\n")
    assert execute(run)
    run.refresh_from_db()
    assert (run.state, step_of(run, "write").state) == ("waiting", "awaiting_approval")
    assert home.guarded.read_text() == "another first\n"
    gate.refresh_from_db()
    again = Gate.objects.get(state="pending")
    assert (gate.state, again.delta_of) == ("void", gate)
    assert step_of(run, "write").action_id == again.action_id
    assert "step.drifted" in recorded(f"run:{run.pk}")
    assert not Effect.objects.exists()
    approve(home)
    assert execute(run)
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert lines_in(home.guarded) == 1


def test_a_target_that_refuses_is_asked_about_again_with_another_key(
    home: House, run: Run, tool: Tool
) -> None:
    approve(home)
    tool.refuses = True
    assert execute(run)
    assert step_of(run, "write").state == "awaiting_approval"
    assert Effect.objects.get().state == "failed"
    tool.refuses = False
    approve(home)
    assert execute(run)
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert sorted(Effect.objects.values_list("state", flat=True)) == ["failed", "succeeded"]
    assert len(set(Effect.objects.values_list("effect_key", flat=True))) == 2
    assert lines_in(home.guarded) == 1


def test_a_target_that_always_refuses_is_asked_about_six_times_at_most(
    home: House, run: Run, tool: Tool
) -> None:
    tool.refuses = True
    for _ in range(6):
        approve(home)
        assert execute(run)
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "too_many_proposals")
    assert Action.objects.count() == 6
    assert lines_in(home.guarded) == 0


def test_an_approval_that_was_not_used_in_time_is_asked_for_again(home: House, run: Run) -> None:
    approve(home)
    Warrant.objects.update(expires_at=Now())
    assert execute(run)
    assert Warrant.objects.get().state == "expired"
    assert step_of(run, "write").state == "awaiting_approval"
    assert lines_in(home.guarded) == 0
    approve(home)
    assert execute(run)
    assert lines_in(home.guarded) == 1


def test_a_worker_lost_between_claim_and_effect_leaves_it_to_the_next(
    home: House, run: Run, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(home)
    with monkeypatch.context() as patch:
        patch.setattr(Tool, "perform", dies)
        with pytest.raises(WorkerDiedError):
            execute(run)
    assert (Effect.objects.get().state, lines_in(home.guarded)) == ("in_flight", 0)
    lose_worker()
    assert execute(run)
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert lines_in(home.guarded) == 1
    assert tries_of(run, "write") == ["proposed", "crashed", "succeeded"]


def test_a_worker_lost_after_the_effect_is_found_out_by_asking_the_target(
    home: House, run: Run, tool: Tool
) -> None:
    approve(home)
    tool.dies_after = True
    with pytest.raises(WorkerDiedError):
        execute(run)
    lose_worker()
    assert execute(run)
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert tool.calls == 1
    assert lines_in(home.guarded) == 1
    effect = Effect.objects.get()
    assert effect.fence == step_of(run, "write").epoch


def test_a_natural_effect_is_simply_repeated(home: House, run: Run, tool: Tool) -> None:
    tool.effect_class = EffectClass.NATURAL
    approve(home)
    tool.dies_after = True
    with pytest.raises(WorkerDiedError):
        execute(run)
    tool.dies_after = False
    home.guarded.write_text("first\n")
    lose_worker()
    assert execute(run)
    assert tool.calls == 2
    run.refresh_from_db()
    assert run.state == "succeeded"


def test_an_effect_nobody_can_ask_about_becomes_a_question_and_is_not_repeated(
    home: House, run: Run, tool: Tool
) -> None:
    tool.effect_class = EffectClass.NONE
    approve(home)
    tool.dies_after = True
    with pytest.raises(WorkerDiedError):
        execute(run)
    lose_worker()
    assert execute(run)
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("escalated", "ambiguous_effect")
    assert Effect.objects.get().state == "unknown"
    assert tool.calls == 1


def test_a_doubtful_end_rests_and_then_asks_the_target(home: House, run: Run, tool: Tool) -> None:
    approve(home)
    tool.doubts = True
    assert execute(run)
    assert (step_of(run, "write").state, Effect.objects.get().state) == ("backoff", "in_flight")
    rest_over()
    assert execute(run)
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert tool.calls == 1
    assert lines_in(home.guarded) == 1


def test_a_doubtful_end_without_a_way_to_ask_is_left_to_people_at_once(
    home: House, run: Run, tool: Tool
) -> None:
    tool.effect_class = EffectClass.NONE
    tool.doubts = True
    approve(home)
    assert execute(run)
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("escalated", "ambiguous_effect")
    assert Effect.objects.get().state == "unknown"


def test_facts_that_cannot_be_had_are_waited_for_and_the_approval_stands(
    home: House, run: Run
) -> None:
    approve(home)
    away = home.guarded.rename(home.guarded.with_suffix(".away"))
    assert execute(run)
    assert step_of(run, "write").state == "backoff"
    assert Warrant.objects.get().state == "issued"
    away.rename(home.guarded)
    rest_over()
    assert execute(run)
    assert lines_in(home.guarded) == 1


def test_a_suspended_agents_approval_is_worth_nothing(home: House, run: Run) -> None:
    approve(home)
    Agent.objects.filter(slug="clerk").update(lifecycle="suspended")
    assert execute(run)
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "agent_not_active")
    assert lines_in(home.guarded) == 0


def test_a_replaced_worker_that_comes_back_changes_nothing(
    home: House, run: Run, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(home)
    perform = Tool.perform

    def slow(self: Tool, *args: Any, **keys: Any) -> Mapping[str, Any]:
        monkeypatch.setattr(Tool, "perform", perform)
        done = perform(self, *args, **keys)
        lose_worker()
        assert execute(run)
        return done

    monkeypatch.setattr(Tool, "perform", slow)
    assert execute(run)
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert lines_in(home.guarded) == 1
    assert tries_of(run, "write") == ["proposed", "stale", "succeeded"]
    assert recorded(f"run:{run.pk}").count("effect.succeeded") == 1


def test_an_effect_whose_event_cannot_be_written_is_asked_about_later(
    home: House, run: Run, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(home)
    perform = Tool.perform
    log = failing_append()

    def then_no_log(self: Tool, *args: Any, **keys: Any) -> Mapping[str, Any]:
        done = perform(self, *args, **keys)
        log.__enter__()
        return done

    monkeypatch.setattr(Tool, "perform", then_no_log)
    with pytest.raises(AppendFailedError):
        execute(run)
    log.__exit__(None, None, None)
    assert (step_of(run, "write").state, Effect.objects.get().state) == ("running", "in_flight")
    lose_worker()
    assert execute(run)
    assert lines_in(home.guarded) == 1


def test_a_run_is_not_timed_out_while_an_effect_is_under_way(home: House, run: Run) -> None:
    approve(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tool, "perform", dies)
        with pytest.raises(WorkerDiedError):
            execute(run)
    Run.objects.update(deadline_at=Now())
    assert sweep().timed_out == 0
    lose_worker()
    assert execute(run)
    run.refresh_from_db()
    assert run.state == "succeeded"


def dies(self: Tool, *args: Any, **keys: Any) -> Mapping[str, Any]:
    raise WorkerDiedError
