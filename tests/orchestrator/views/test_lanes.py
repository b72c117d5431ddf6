from dataclasses import replace
from uuid import uuid4

from orchestrator.selectors.checkpoints import FAILED, HELD, Judgement
from orchestrator.selectors.run_view import Bar, Lane
from orchestrator.views.lanes import DrawnLane, draw
from tests.orchestrator.views.views_of import a_run, a_step

AGENT, GATE = uuid4(), uuid4()


def lane(*bars: Bar) -> Lane:
    return Lane(AGENT, "Scout", bars)


def only(drawn: tuple[DrawnLane, ...]) -> DrawnLane:
    assert len(drawn) == 1
    return drawn[0]


def test_every_try_after_a_lost_one_lies_a_row_lower() -> None:
    bars = (
        Bar("work", "merge", "crashed", "Worker lost", 0, 100),
        Bar("work", "merge", "failed", "Failed", 200, 300),
        Bar("work", "merge", "succeeded", "Done", 400, 500),
    )
    drawn = only(draw(a_run(lanes=[lane(*bars)], elapsed_ms=500), {}).lanes)

    first, second, third = [mark.y for mark in drawn.marks]
    assert first < second < third
    assert drawn.height > third


def test_an_approval_is_a_waiting_bar_that_leads_to_its_gate() -> None:
    wait = Bar("wait", "merge", "pending", "Waiting", 1000, None, gate_id=GATE)
    work = Bar("work", "merge", "proposed", "Proposed an action", 0, 1000)
    run = a_run(state="waiting", is_final=False, elapsed_ms=61_000, lanes=[lane(work, wait)])

    drawn = only(draw(run, {}).lanes)

    assert drawn.gate == drawn.marks[1].url == f"/gates/{GATE}/"
    assert drawn.marks[1].growing
    assert drawn.marks[1].shown == "Waiting for people · 1 min 0 s"
    assert not drawn.marks[0].growing


def test_an_agent_that_has_not_begun_has_a_lane_of_its_own() -> None:
    going = only(draw(a_run(is_final=False, state="running", lanes=[lane()]), {}).lanes)
    ended = only(draw(a_run(is_final=True, state="failed", lanes=[lane()]), {}).lanes)

    assert (going.note, ended.note) == ("Not started yet", "Did not start")
    assert going.marks == ()


def test_a_checkpoint_stands_at_the_end_of_the_work_it_judged() -> None:
    work = Bar("work", "style", "succeeded", "Done", 0, 1000)
    run = a_run(
        lanes=[lane(work)], steps=[replace(a_step("style"), agent_id=AGENT)], elapsed_ms=2000
    )

    passed = only(draw(run, {"style": Judgement(HELD, "")}).lanes).flags
    stopped = only(draw(run, {"style": Judgement(FAILED, "Broken.")}).lanes).flags

    assert [flag.words for flag in passed] == ["Checkpoint passed"]
    assert [flag.words for flag in stopped] == ["Checkpoint stopped the run: Broken."]
    assert only(draw(run, {}).lanes).flags == ()


def test_words_that_do_not_fit_are_left_to_the_table() -> None:
    bars = (
        Bar("work", "a", "succeeded", "Done", 0, 10),
        Bar("work", "b", "succeeded", "Done", 10, 10_000),
    )
    short, long = only(draw(a_run(lanes=[lane(*bars)], elapsed_ms=10_000), {}).lanes).marks

    assert (short.room, long.room) == ("none", "all")
    assert short.width == "0.500%"


def test_only_a_run_that_goes_on_moves() -> None:
    ended, going = a_run(), a_run(state="running", is_final=False)

    assert (draw(ended, {}).live, draw(ended, {}).pace) == (False, "0.00000")
    assert draw(going, {}).live
    assert float(draw(going, {}).pace) > 0
