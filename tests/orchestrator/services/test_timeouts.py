"""The four timeouts of a step, what passes with each, and what follows (engine.md 5.6)."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from governance.models import Effect, Gate
from orchestrator.models import AttemptKind, Run, Step
from orchestrator.runners.base import TurnLostError
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import claims, escalation, execution, pausing
from orchestrator.services.beating import beat
from orchestrator.services.sweep import sweep
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House, lines_in
from tests.factories.orchestrator import (
    WORKER,
    drive,
    started,
    states_of,
    step,
    step_of,
    tries_of,
    work,
)
from tests.orchestrator.services.escalating import operated, use
from tests.orchestrator.services.executing import Tool, WorkerDiedError, put_in_place
from tests.orchestrator.services.proposing import append


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    home = operated(tmp_path)
    make.agent(home, "style")
    return home


def bounded(**fields: Any) -> dict[str, Any]:
    """Return the step `look` with these timeouts, and with whatever else is not one."""
    names = ("schedule_to_start", "schedule_to_close", "heartbeat", "start_to_close")
    times = {name: fields.pop(name) for name in names if name in fields}
    return step("look", "style", timeouts={"start_to_close": "30s", **times}, **fields)


def pass_by(run: Run, column: str, path: str = "look") -> None:
    """Let the time in this column of the step be over."""
    assert (
        Step.objects.filter(run=run, path=path).exclude(**{column: None}).update(**{column: Now()})
    )


def taken(run: Run) -> claims.Claim:
    claim = claims.claim(step_id=step_of(run, "look").pk, kind=AttemptKind.TURN, worker=WORKER)
    assert claim is not None
    return claim


def turn_is_long(run: Run) -> None:
    Step.objects.filter(run=run, path="look").update(claimed_at=Now() - timedelta(minutes=1))


def replays(run: Run) -> bool:
    return isinstance(replay(run.pk), Replayed)


def test_a_step_that_no_worker_begins_in_time_times_out_and_is_not_tried_again(
    home: House,
) -> None:
    run = started(home, bounded(schedule_to_start="5m"))
    assert sweep().ended == 0
    pass_by(run, "start_by")
    assert sweep().ended == 1
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "schedule_to_start")
    assert states_of(run) == {"look": "timed_out"}
    assert tries_of(run, "look") == []
    assert replays(run)


def test_a_step_that_began_in_time_is_not_ended_by_how_long_it_waited(home: House) -> None:
    run = started(home, bounded(schedule_to_start="5m"))
    taken(run)
    pass_by(run, "start_by")
    assert sweep().ended == 0
    assert step_of(run, "look").state == "running"


def test_each_wait_for_a_worker_has_its_own_time(home: House) -> None:
    run = started(home, bounded(schedule_to_start="5m"))
    taken(run)
    pass_by(run, "start_by")
    Step.objects.filter(run=run).update(lease_expires_at=Now())
    assert sweep().reclaimed == 1
    assert sweep().ended == 0
    assert step_of(run, "look").state == "ready"


def test_a_paused_run_does_not_wait_for_a_worker(home: House) -> None:
    run = started(home, bounded(schedule_to_start="5m"))
    pausing.pause(run_id=run.pk, person=home.ines, reason="Wait.")
    pass_by(run, "start_by")
    assert sweep().ended == 0
    pausing.resume(run_id=run.pk, person=home.ines, reason="Go on.")
    assert sweep().ended == 0
    assert step_of(run, "look").state == "ready"


@pytest.mark.parametrize("place", ["ready", "running", "backoff"])
def test_a_step_that_is_not_done_in_time_times_out_wherever_it_stands(
    home: House, place: str
) -> None:
    run = started(home, bounded(schedule_to_close="10m"))
    if place == "running":
        claim = taken(run)
    elif place == "backoff":
        Step.objects.filter(run=run).update(
            state="backoff", not_before=Now() + timedelta(minutes=1)
        )
    pass_by(run, "close_by")
    assert sweep().ended == 1
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "schedule_to_close")
    assert states_of(run) == {"look": "timed_out"}
    if place == "running":
        with pytest.raises(TurnLostError):
            claims.held(claim)
        assert tries_of(run, "look") == ["failed"]
    if place != "backoff":
        assert replays(run)


def test_a_step_that_waits_for_people_too_long_takes_its_question_back(home: House) -> None:
    make.agent(home, "clerk", proposals=[append(home.guarded)])
    run = started(
        home,
        step("write", "clerk", timeouts={"start_to_close": "30s", "schedule_to_close": "10m"}),
    )
    drive(run, "write")
    pass_by(run, "close_by", "write")
    assert sweep().ended == 1
    assert states_of(run) == {"write": "timed_out"}
    assert Gate.objects.get().state == "cancelled"
    assert lines_in(home.guarded) == 0
    assert replays(run)


def test_a_step_whose_effect_is_under_way_is_not_ended(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = put_in_place(Tool(dies_after=True), monkeypatch)
    make.agent(home, "clerk", proposals=[append(home.open)])
    times = {"start_to_close": "30s", "schedule_to_close": "10m"}
    run = started(home, step("write", "clerk", timeouts=times))
    with pytest.raises(WorkerDiedError):
        work(run)
    assert Effect.objects.get().state == "in_flight"
    pass_by(run, "close_by", "write")
    turn_is_long(run)
    swept = sweep()
    assert (swept.ended, swept.stopped) == (0, 0)
    Step.objects.filter(run=run).update(lease_expires_at=Now())
    assert sweep().reclaimed == 1
    assert sweep().ended == 0
    tool.dies_after = False
    assert work(run).state == "succeeded"
    assert lines_in(home.open) == 1


def test_a_turn_that_its_runner_does_not_end_is_ended_and_tried_again(home: House) -> None:
    run = started(home, bounded())
    claim = taken(run)
    assert sweep().stopped == 0
    turn_is_long(run)
    assert sweep().stopped == 1
    look = step_of(run, "look")
    assert (look.state, look.error_code, look.attempts) == ("backoff", "timed_out", 1)
    assert tries_of(run, "look") == ["failed"]
    with pytest.raises(TurnLostError):
        claims.held(claim)


@pytest.mark.parametrize(
    ("on_timeout", "comes_to", "run_is"),
    [
        ({}, "escalated", "escalated"),
        ({"on_timeout": "stop"}, "timed_out", "failed"),
        ({"on_timeout": "continue"}, "timed_out", "running"),
        ({"on_timeout": {"to": "look", "max": 1}}, "timed_out", "running"),
    ],
)
def test_what_follows_the_last_attempt_that_took_too_long_is_said_in_the_file(
    home: House, on_timeout: dict[str, Any], comes_to: str, run_is: str
) -> None:
    run = started(home, bounded(**on_timeout), step("more", "style"))
    Step.objects.filter(run=run, path="look").update(attempts=2)
    taken(run)
    turn_is_long(run)
    assert sweep().stopped == 1
    run.refresh_from_db()
    first = run.steps.get(path="look", iteration=0)
    assert (first.state, run.state) == (comes_to, run_is)
    if isinstance(on_timeout.get("on_timeout"), dict):
        assert run.steps.get(path="look", iteration=1).state == "ready"
    assert replays(run)


def test_after_a_point_of_no_return_a_person_is_asked_instead(home: House) -> None:
    make.agent(home, "clerk", proposals=[append(home.open)])
    pivot = step("write", "clerk", pivot=True)
    run = work(started(home, pivot, bounded(schedule_to_close="10m"), step("more", "style")))
    assert run.state == "succeeded"
    run = started(home, pivot, bounded(schedule_to_close="10m", on_timeout="stop"))
    drive(run, "write")
    execution.execute(step_id=step_of(run, "write").pk, worker=WORKER)
    pass_by(run, "close_by")
    assert sweep().ended == 0
    taken(run)
    assert sweep().ended == 1
    run.refresh_from_db()
    assert (run.state, step_of(run, "look").state) == ("escalated", "escalated")


def test_a_heartbeat_in_the_file_is_how_long_a_worker_may_be_silent(home: House) -> None:
    run = started(home, bounded(start_to_close="9m", heartbeat="8m"))
    claim = taken(run)
    soon = Step.objects.filter(run=run, lease_expires_at__gt=Now() + timedelta(minutes=7))
    assert soon.exists()
    pass_by(run, "lease_expires_at")
    beat(claim)
    assert soon.exists()


def test_a_person_who_lets_a_step_begin_again_gives_it_its_time_again(home: House) -> None:
    run = started(home, bounded(schedule_to_close="10m"))
    Step.objects.filter(run=run).update(attempts=2)
    taken(run)
    turn_is_long(run)
    assert sweep().stopped == 1
    pass_by(run, "close_by")
    assert sweep().ended == 0, "a step that needs a person waits for one"
    use(escalation.retry, run)
    assert Step.objects.filter(run=run, close_by__gt=Now() + timedelta(minutes=9)).exists()
    assert "step.retried" in recorded(f"run:{run.pk}")
