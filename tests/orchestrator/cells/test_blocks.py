"""How the engine carries out what patterns decide about blocks."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.services.events import recording
from governance.models import Gate
from orchestrator.models import Attempt, Run, RunState, Step
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import answers, rollback, runs, turns
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House, lines_in
from tests.factories.orchestrator import WORKER, states_of, step, step_of
from tests.orchestrator.cells.driving import begun, worked_off
from tests.orchestrator.cells.files import INPUTS, TURN, concurrent, group_chat, handoff
from tests.orchestrator.services.proposing import append


def place_states(run: Run) -> dict[str, str]:
    return {step.place: step.state for step in run.steps.order_by("position", "created_at")}


def started(home: House, *nodes: dict[str, Any], **fields: Any) -> Run:
    text = str(nodes)
    named = [slug for slug in ("ann", "bob", "cid", "clerk") if f"'{slug}'" in text]
    agents = {slug: {"ref": f"{slug}@1"} for slug in named}
    return make.start(make.workflow(home, *nodes, agents=agents, **fields), home.ines, INPUTS)


def replays(run: Run) -> bool:
    outcome = replay(run.pk)
    assert isinstance(outcome, Replayed), outcome
    return True


def test_the_steps_of_a_block_come_to_be_when_a_move_starts_them(home: House) -> None:
    run = begun(home, "concurrent")
    assert place_states(run) == {
        "scans": "running",
        "scans/0": "ready",
        "scans/1": "ready",
        "report": "blocked",
    }
    first = step_of(run, "scans/0")
    assert (first.kind, first.alias, first.task["each"]) == ("turn", "ann", {"module": "a"})


def test_branches_end_in_an_order_that_is_kept_and_their_block_holds_the_output(
    home: House,
) -> None:
    run = worked_off(begun(home, "concurrent"))
    rows = run.steps.exclude(order=0).order_by("order")
    assert [row.order for row in rows] == list(range(1, 8))
    block = step_of(run, "scans")
    assert (block.state, block.order, block.agent) == ("succeeded", 6, None)
    assert block.output["counts"]["succeeded"] == 5
    assert step_of(run, "report").output["of"] == 5


def test_a_step_that_is_not_due_is_skipped(home: House) -> None:
    run = worked_off(begun(home, "sequential"))
    assert place_states(run)["work/mend"] == "skipped"
    assert "step.skipped" in recorded(f"run:{run.pk}")
    assert not Attempt.objects.filter(step__path="work/mend").exists()


@pytest.mark.parametrize(("branches", "bells"), [(3, 3), (20, 20), (100, 20)])
def test_many_branches_are_rung_for_in_slices(
    home: House, monkeypatch: pytest.MonkeyPatch, branches: int, bells: int
) -> None:
    rung: list[tuple[object, ...]] = []
    monkeypatch.setattr(
        "orchestrator.services.bells.ring_worker", lambda *names: rung.append(names)
    )
    [fan, report] = concurrent()
    fan["foreach"]["cap"], fan["max_parallel"] = 1000, 1000
    agents = {slug: {"ref": f"{slug}@1"} for slug in ("ann", "bob")}
    saved = make.workflow(home, fan, report, agents=agents)
    run = make.start(saved, home.ines, {"modules": list(range(branches))})
    assert len(rung) == bells
    assert sum(len(ids) for _task, *ids in rung) == branches
    assert Step.objects.filter(run=run, state="ready", rung_at__isnull=False).count() == branches


def test_losers_of_a_race_are_cancelled_and_their_questions_withdrawn(home: House) -> None:
    governance.agent(
        home.domain,
        home.ada,
        home.sam,
        slug="clerk",
        name="Clerk",
        runner="echo",
        runner_config={"proposals": [append(home.guarded)]},
    )
    race = {
        "id": "race",
        "pattern": "concurrent",
        "branches": {
            "slow": {"agent": "clerk", "timeouts": TURN},
            "fast": {"agent": "ann", "timeouts": TURN},
        },
        "join": {"policy": "any"},
    }
    run = started(home, race)
    turns.drive(step_id=step_of(run, "race/slow").pk, worker=WORKER)
    assert Gate.objects.get().state == "pending"
    worked_off(run)
    assert run.state == "succeeded"
    assert place_states(run) == {
        "race": "succeeded",
        "race/slow": "cancelled",
        "race/fast": "succeeded",
    }
    assert Gate.objects.get().state == "cancelled"
    assert lines_in(home.guarded) == 0
    assert replays(run)


def test_a_block_that_may_be_done_again_is_done_again_as_a_new_one(home: House) -> None:
    inner = step("check", "ann", on_reject="stop")
    again = {
        "id": "work",
        "pattern": "sequential",
        "steps": [
            {
                **step("look", "bob"),
                "checkpoint": [
                    {"require": "false", "message": "Never good enough.", "route": "stop"}
                ],
                "on_failure": {"to": "look", "max": 2},
            }
        ],
    }
    run = worked_off(started(home, inner, again))
    assert (run.state, run.error_code) == ("failed", "checkpoint_failed")
    assert place_states(run) == {
        "check": "succeeded",
        "work": "failed",
        "work/look": "failed",
        "work/look#1": "failed",
        "work/look#2": "failed",
    }
    assert step_of(run, "work").error_code == "checkpoint_failed"
    assert replays(run)


def test_a_deadline_ends_a_block_whose_branches_are_still_waited_for(home: House) -> None:
    [fan, report] = concurrent()
    fan["join"] = {"policy": "all_settled", "deadline": "30m"}
    fan["max_parallel"] = 5
    run = started(home, fan, {**report, "when": "steps.scans.outputs.counts.of == 5"})
    timer = step_of(run, "scans/deadline")
    assert (timer.kind, timer.state, timer.agent) == ("timer", "running", None)
    turns.drive(step_id=step_of(run, "scans/0").pk, worker=WORKER)
    assert sweep().elapsed == 0
    Step.objects.filter(pk=timer.pk).update(not_before=timezone.now() - timedelta(seconds=1))
    assert sweep().elapsed == 1
    worked_off(run)
    assert run.state == "succeeded", run.error_detail
    assert list(states_of(run).values()).count("cancelled") == 4
    assert step_of(run, "scans").output["counts"]["succeeded"] == 1
    assert replays(run)


def test_a_run_whose_only_work_is_a_timer_waits(home: House) -> None:
    governance.agent(
        home.domain,
        home.ada,
        home.sam,
        slug="clerk",
        name="Clerk",
        runner="echo",
        runner_config={"proposals": [append(home.guarded)]},
    )
    fan = {
        "id": "scans",
        "pattern": "concurrent",
        "branches": {"one": {"agent": "clerk", "timeouts": TURN}},
        "join": {"policy": "all", "deadline": "30m"},
    }
    run = worked_off(started(home, fan))
    assert run.state == "waiting"
    assert sweep().advanced == 0


def test_a_turn_is_told_what_was_wrong_with_its_answer_and_tried_again(home: House) -> None:
    fan = {
        "id": "scans",
        "pattern": "concurrent",
        "branches": {"one": {"agent": "ann", "timeouts": TURN}},
        "aggregate": {"reduce": "prioritise", "from": "findings"},
    }
    run = started(home, fan)
    one = step_of(run, "scans/one")
    assert one.task["answer"]["required"] == ["findings"]
    turns.drive(step_id=one.pk, worker=WORKER)
    one.refresh_from_db()
    assert (one.state, one.error_code, one.output) == ("backoff", "invalid_answer", {})
    again = answers.task_of(one)
    assert again["error"]["code"] == "invalid_answer"
    assert "findings" in again["error"]["detail"]


def test_an_output_too_large_to_be_kept_is_refused(home: House) -> None:
    governance.agent(
        home.domain,
        home.ada,
        home.sam,
        slug="clerk",
        name="Clerk",
        runner="echo",
        runner_config={"output": {"text": "x" * 140_000}},
    )
    run = worked_off(started(home, step("look", "clerk")))
    assert (run.state, run.error_code) == ("failed", "output_too_large")


def test_garbage_in_a_chat_ends_with_a_person_within_the_declared_number_of_turns(
    home: House,
) -> None:
    [chat, close] = group_chat()
    chat["with"] = {}
    governance.agent(
        home.domain,
        home.ada,
        home.sam,
        slug="clerk",
        name="Clerk",
        runner="echo",
        runner_config={"output": {"nonsense": True}},
    )
    chat["participants"] = ["ann", "clerk"]
    run = worked_off(started(home, chat, close))
    assert run.state == "escalated"
    assert step_of(run, "talk").state == "escalated"
    assert Attempt.objects.filter(step__agent__slug="clerk").count() <= 9
    assert replays(run)


def test_a_decision_of_a_model_ends_a_run_that_allows_rules_only(home: House) -> None:
    run = worked_off(started(home, *handoff(), decisions="rules_only"))
    assert (run.state, run.error_code) == ("failed", "model_decision_forbidden")
    assert "handoff.offered" not in recorded(f"run:{run.pk}")
    assert states_of(run)["ship"] == "cancelled"
    assert replays(run)


def test_every_decision_in_the_stream_says_who_decided(home: House) -> None:
    run = worked_off(begun(home, "group_chat"))
    told = recorded(f"run:{run.pk}")
    assert "chat.speaker_chosen" in told
    assert "chat.ballot_tallied" in told


def test_a_step_whose_condition_is_unclear_is_left_to_a_person(home: House) -> None:
    run = worked_off(
        started(home, step("look", "ann"), step("tell", "bob", when="inputs.modules"))
    )
    assert (run.state, run.error_code) == ("escalated", "invalid_condition")
    assert place_states(run) == {"look": "succeeded", "tell": "escalated"}
    assert "neither true nor false" in run.error_detail
    assert replays(run)


def test_a_timer_ends_with_the_run_that_is_wound_down(home: House) -> None:
    [fan, report] = concurrent()
    fan["join"] = {"policy": "all_settled", "deadline": "30m"}
    run = started(home, fan, report)
    with recording():
        rollback.end(runs.lock(run.pk), RunState.FAILED, "stopped", "Because.")
    assert step_of(run, "scans/deadline").state == "cancelled"
    Step.objects.filter(kind="timer").update(not_before=timezone.now() - timedelta(seconds=1))
    assert sweep().elapsed == 0
    run.refresh_from_db()
    assert run.state == "failed"
    assert set(states_of(run).values()) <= {"cancelled", "blocked"}
