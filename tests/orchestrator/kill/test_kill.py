"""Real workers die at the worst moments; every effect happens exactly once."""

import pytest
import redis
from celery import current_app
from django.conf import settings

from governance.models import Effect, Gate
from orchestrator.models import Attempt
from orchestrator.services.bells import TURN_TASK
from tests.factories.audit import recorded
from tests.factories.governance import lines_in
from tests.factories.orchestrator import states_of, step, step_of, tries_of
from tests.orchestrator.kill.stage import Stage, kept_of, let_go, put

pytestmark = [pytest.mark.kill, pytest.mark.slow]


def test_a_worker_killed_in_the_middle_of_a_turn_costs_time_only(stage: Stage) -> None:
    stage.looking_agent()
    stage.workers.start("work")
    put(stage.mid_step)
    run = stage.start(step("look", "looker"))
    stage.until(lambda: stage.turns() == 1)
    stage.workers.kill("work")
    stage.mid_step.unlink()
    stage.workers.start("work")
    stage.until_state(run, "succeeded", sweeping=True)
    assert stage.turns() >= 2
    assert "crashed" in tries_of(run, "look")
    assert kept_of(run, "look") == ["succeeded"]
    assert step_of(run, "look").crash_count >= 1
    assert recorded(f"run:{run.pk}").count("step.succeeded") == 1


def test_a_worker_killed_between_claim_and_effect_leaves_one_effect(stage: Stage) -> None:
    stage.writing_agent()
    stage.workers.start("work")
    put(stage.before)
    run = stage.start()
    stage.until_state(run, "waiting")
    stage.approve()
    stage.until(lambda: stage.calls() == 1)
    stage.workers.kill("work")
    assert (Effect.objects.get().state, lines_in(stage.home.guarded)) == ("in_flight", 0)
    stage.before.unlink()
    stage.workers.start("work")
    stage.until_state(run, "succeeded", sweeping=True)
    assert lines_in(stage.home.guarded) == 1
    assert Effect.objects.get().state == "succeeded"
    assert "crashed" in tries_of(run, "write")
    assert kept_of(run, "write") == ["proposed", "succeeded"]


def test_a_worker_killed_after_the_effect_and_before_its_commit_does_not_repeat_it(
    stage: Stage,
) -> None:
    stage.writing_agent()
    stage.workers.start("work")
    put(stage.after)
    run = stage.start()
    stage.until_state(run, "waiting")
    stage.approve()
    stage.until(lambda: lines_in(stage.home.guarded) == 1)
    stage.workers.kill("work")
    assert Effect.objects.get().state == "in_flight"
    stage.after.unlink()
    stage.workers.start("work")
    stage.until_state(run, "succeeded", sweeping=True)
    assert (stage.calls(), lines_in(stage.home.guarded)) == (1, 1)
    assert recorded(f"run:{run.pk}").count("effect.succeeded") == 1
    assert Gate.objects.count() == 1


def test_a_worker_that_slept_past_its_claim_cannot_commit(stage: Stage) -> None:
    stage.looking_agent()
    stage.workers.start("work")
    put(stage.mid_step)
    run = stage.start(step("look", "looker"))
    stage.until(lambda: stage.turns() == 1)
    stage.workers.pause("work")
    stage.until(lambda: step_of(run, "look").state == "ready", sweeping=True)
    let_go(stage.mid_step)
    stage.workers.resume("work")
    stage.until_state(run, "succeeded", sweeping=True)
    stage.until(lambda: "stale" in tries_of(run, "look"))
    assert kept_of(run, "look") == ["succeeded"]
    assert recorded(f"run:{run.pk}").count("step.succeeded") == 1


def test_an_emptied_broker_delays_a_run_and_nothing_else(stage: Stage) -> None:
    stage.writing_agent()
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        run = stage.start()
        broker.flushall()
        stage.workers.start("work")
        stage.until_state(run, "waiting", sweeping=True)
        stage.workers.kill("work")
        stage.approve()
        broker.flushall()
        stage.workers.start("work")
    stage.until_state(run, "succeeded", sweeping=True)
    assert lines_in(stage.home.guarded) == 1
    assert kept_of(run, "write") == ["proposed", "succeeded"]


def test_a_broker_emptied_under_working_workers_changes_nothing(stage: Stage) -> None:
    stage.looking_agent()
    stage.writing_agent()
    stage.workers.start("work")
    put(stage.mid_step)
    run = stage.start(step("look", "looker"), step("write", "clerk"))
    stage.until(lambda: stage.turns() == 1)
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        broker.flushall()
    let_go(stage.mid_step)
    stage.until_state(run, "waiting", sweeping=True)
    stage.approve()
    stage.until_state(run, "succeeded", sweeping=True)
    assert states_of(run) == {"look": "succeeded", "write": "succeeded"}
    assert lines_in(stage.home.guarded) == 1


def test_the_same_doorbell_five_times_at_once_makes_one_attempt(stage: Stage) -> None:
    stage.looking_agent()
    stage.workers.start("work")
    run = stage.start(step("look", "looker"))
    for _ in range(5):
        current_app.send_task(TURN_TASK, args=[str(step_of(run, "look").pk)])
    stage.until_state(run, "succeeded")
    assert stage.turns() == 1
    assert Attempt.objects.count() == 1
