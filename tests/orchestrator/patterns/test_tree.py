from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.base import Ask, Finish, Jump, PastStep, PlannedStep, Start, Wait
from orchestrator.patterns.board import Board
from orchestrator.patterns.changes import TreeMove
from orchestrator.patterns.paths import declared, inside
from orchestrator.patterns.states import FINAL
from orchestrator.patterns.tree import UNCLEAR
from tests.harness.examples import tried
from tests.orchestrator.patterns.concurrent.test_joins import rules
from tests.orchestrator.patterns.engine import Engine

ENDS = sorted(FINAL)
MOVES = [*ENDS, "escalated", "awaiting_approval", "running"]


def leaf(path: str, **more: Any) -> PlannedStep:
    return PlannedStep(path, f"{path}_agent", **more)


def block(path: str, pattern: str, *plan: PlannedStep, **more: Any) -> PlannedStep:
    return PlannedStep(path, pattern=pattern, plan=plan, **more)


def asked(move: TreeMove) -> list[str]:
    assert isinstance(move.move, Start)
    return [ask.path for ask in move.move.steps]


def ended(move: TreeMove) -> str:
    assert isinstance(move.move, Finish)
    return move.move.state


def begun(*plan: PlannedStep, **inputs: Any) -> Engine:
    engine = Engine(plan, inputs)
    engine.advance()
    return engine


SCANS = block("scans", "concurrent", leaf("do"), options={
    "foreach": {"in": "steps.build.outputs.modules", "as": "m", "cap": 9},
    "join": {"policy": "all_settled"},
    "max_parallel": 2,
})  # fmt: skip


def test_a_step_that_ends_starts_the_branches_of_the_block_after_it() -> None:
    engine = begun(leaf("build"), SCANS)
    engine.end("build", "succeeded", modules=["x", "y", "z"])
    move = engine.advance()
    assert asked(move) == ["scans/0", "scans/1"]
    assert isinstance(move.move, Start)
    assert move.move.steps[1].agent == "do_agent"
    assert move.move.steps[1].task == {"each": {"m": "y"}}
    [began] = move.begun
    assert (began.path, began.kind) == ("scans", "block")
    assert [note.payload["block"] for note in move.notes] == ["scans"]


def test_a_block_that_ends_hands_its_output_on() -> None:
    engine = begun(leaf("build"), SCANS, leaf("report", when="steps.scans.outputs.counts.of == 1"))
    engine.end("build", "succeeded", modules=["x"])
    engine.advance()
    engine.end("scans/0", "succeeded", n=1)
    move = engine.advance()
    assert asked(move) == ["report"]
    [settled] = move.settled
    assert (settled.path, settled.finish.state) == ("scans", "succeeded")
    assert engine.output("scans")["result"] == [{"branch": "0", "output": {"n": 1}}]


def test_what_settles_at_once_is_played_on() -> None:
    skipped = block("none", "sequential", leaf("a", when="false"))
    empty = block("empty", "concurrent", leaf("do"), options={
        "foreach": {"in": "[]", "as": "m", "cap": 9}})  # fmt: skip
    [move] = begun(skipped, empty, leaf("last")).moves
    assert asked(move) == ["last"]
    states = {settled.path: settled.finish.state for settled in move.settled}
    assert states == {"none/a": "skipped", "none": "succeeded", "empty": "succeeded"}


def test_a_run_of_nothing_to_do_succeeds() -> None:
    assert begun(leaf("a", when="false")).moves[-1].move == Finish("succeeded")


def test_a_step_is_skipped_with_one_that_it_needs_only_if_it_says_so() -> None:
    first = leaf("a", when="inputs.deep")
    goes = leaf("b", needs=("a",), when_skipped="run")
    stays = leaf("c", needs=("a",), when_skipped="skip")
    follows = leaf("d", needs=("c",), when_skipped="skip")
    engine = begun(first, stays, follows, goes, deep=False)
    assert asked(engine.moves[-1]) == ["b"]
    skipped = [settled.path for settled in engine.moves[-1].settled]
    assert skipped == ["a", "c", "d"]
    assert asked(begun(first, stays, deep=True).moves[-1]) == ["a"]


@pytest.mark.parametrize("condition", ["steps.none.outputs.x == 1", "1", "'yes'"])
def test_an_unclear_condition_is_for_a_person_not_for_skipping(condition: str) -> None:
    engine = begun(leaf("check", when=condition), leaf("next"))
    move = engine.moves[-1].move
    assert isinstance(move, Finish)
    assert (move.state, move.cause, move.error_code) == ("escalated", "check", UNCLEAR)
    assert condition in move.detail
    engine.end("check", "skipped")
    assert asked(engine.advance()) == ["next"]


def test_a_block_with_an_unclear_condition_begins_when_a_person_says_so() -> None:
    engine = begun(block("fan", "concurrent", leaf("a"), when="inputs.no"), leaf("next"))
    assert set(engine.rows) == {("fan", 0)}
    assert engine.rows["fan", 0].kind == "block"
    engine.end("fan", "running")
    assert asked(engine.advance()) == ["fan/a"]


def test_steps_within_a_branch_see_its_item_and_one_another_but_no_other_branch() -> None:
    seen = "m == 'y' && steps.look.outputs.n == 1 && !has(steps.other)"
    branch = block("do", "sequential", leaf("look"), leaf("act", when=seen))
    fan = block("fan", "concurrent", branch, options={
        "foreach": {"in": "inputs.items", "as": "m", "cap": 2}})  # fmt: skip
    engine = begun(fan, items=["x", "y"])
    engine.end("fan/0/look", "succeeded", n=1)
    engine.end("fan/1/look", "succeeded", n=1)
    move = engine.advance()
    assert asked(move) == ["fan/1/act"]
    assert engine.rows["fan/0/act", 0].state == "skipped"
    assert engine.rows["fan/1/act", 0].task == {"each": {"m": "y"}}


def test_a_losing_block_is_cancelled_with_all_that_is_in_it() -> None:
    deep = block("slow", "sequential", block("inner", "concurrent", leaf("x"), leaf("y")))
    engine = begun(block("race", "concurrent", leaf("quick"), deep,
                         options={"join": {"policy": "race"}}))  # fmt: skip
    engine.end("race/slow/inner/x", "succeeded")
    engine.end("race/quick", "succeeded")
    move = engine.advance()
    assert [path for path, _ in move.cancel] == [
        "race/slow",
        "race/slow/inner",
        "race/slow/inner/y",
    ]
    assert ended(move) == "succeeded"


def test_losers_that_may_finish_do_so_before_the_run_succeeds() -> None:
    slow = block("slow", "sequential", leaf("one"), leaf("two"))
    fan = block("race", "concurrent", leaf("quick"), slow,
                options={"join": {"policy": "race", "losers": "let_finish"}})  # fmt: skip
    engine = begun(fan, leaf("next"))
    engine.end("race/quick", "succeeded", n=1)
    assert asked(engine.advance()) == ["next"]
    engine.end("next", "succeeded")
    assert engine.advance().move == Wait("ready")
    engine.end("race/slow/one", "succeeded", n=2)
    assert asked(engine.advance()) == ["race/slow/two"]
    engine.end("race/slow/two", "escalated")
    move = engine.advance()
    assert move.move == Finish("succeeded")
    assert ("race/slow/two", 0) in move.cancel
    assert engine.output("race")["result"] == [{"branch": "quick", "output": {"n": 1}}]


@pytest.mark.parametrize(
    ("on_failure", "state"), [("escalate", "escalated"), ("stop", "failed"), ("continue", "")]
)
def test_a_failed_block_does_as_the_file_says(on_failure: str, state: str) -> None:
    fan = block("fan", "concurrent", leaf("a"), leaf("b"), on_failure=on_failure)
    engine = begun(fan, leaf("next"))
    engine.end("fan/a", "failed")
    move = engine.advance()
    assert ("fan/b", 0) in move.cancel
    if not state:
        assert asked(move) == ["next"]
        return
    assert isinstance(move.move, Finish)
    assert (move.move.state, move.move.cause) == (state, "fan/a")
    assert move.move.detail == "The branch a ended: failed."


def test_a_rejected_block_rejects_the_run() -> None:
    engine = begun(block("fan", "concurrent", leaf("a"), leaf("b")))
    engine.end("fan/a", "rejected")
    assert engine.advance().move == Finish(
        "rejected", "fan/a", detail="The branch a ended: rejected."
    )


def test_an_escalated_step_within_blocks_is_named_and_its_blocks_go_on_after_it() -> None:
    engine = begun(block("outer", "sequential", block("fan", "concurrent", leaf("a"), leaf("b"))))
    engine.end("outer/fan/a", "escalated")
    assert engine.advance().move == Wait("ready")
    engine.end("outer/fan/b", "succeeded")
    move = engine.advance()
    assert move.move == Finish("escalated", "outer/fan/a")
    assert [settled.path for settled in move.settled] == ["outer/fan", "outer"]
    engine.end("outer/fan/a", "ready")
    assert engine.advance().resumed == [("outer", 0), ("outer/fan", 0)]
    engine.end("outer/fan/a", "succeeded")
    assert ended(engine.advance()) == "succeeded"


def test_what_a_person_says_of_a_block_stands() -> None:
    engine = begun(block("fan", "concurrent", leaf("a")), leaf("next"))
    engine.end("fan/a", "failed")
    engine.advance()
    engine.end("fan", "succeeded", fixed=True)
    assert asked(engine.advance()) == ["next"]
    assert engine.output("fan") == {"fixed": True}


def test_a_block_done_again_has_children_of_its_own() -> None:
    review = leaf("review", jumps={"rejected": Jump("draft", 1)})
    engine = begun(block("draft", "sequential", leaf("write")), review)
    engine.end("draft/write", "succeeded", text="old")
    engine.advance()
    engine.end("review", "rejected")
    move = engine.advance()
    assert asked(move) == ["draft#1/write"]
    assert [(ask.path, ask.iteration) for ask in move.begun] == [("draft", 1)]
    assert move.begun[0].task["again"]["step"] == "review"
    engine.end("draft#1/write", "succeeded", text="new")
    engine.advance()
    engine.end("review", "succeeded", 1)
    assert engine.advance().move == Finish("succeeded")


def test_what_began_and_lost_in_one_decision_never_was() -> None:
    broken = block("broken", "concurrent", leaf("do"), on_failure="stop", options={
        "foreach": {"in": "inputs.none", "as": "m", "cap": 9}})  # fmt: skip
    nested = block("nested", "sequential", leaf("skipped", when="false"), leaf("b"))
    engine = begun(block("fan", "concurrent", leaf("a"), nested, broken, on_failure="stop"))
    assert set(engine.rows) == {("fan", 0), ("fan/broken", 0)}
    [move] = engine.moves
    assert isinstance(move.move, Finish)
    assert (move.move.state, move.move.cause) == ("failed", "fan/broken")


def test_a_pattern_that_starts_a_child_twice_is_stopped() -> None:
    board = Board([PastStep("fan", 0, "running", kind="block"), PastStep("fan/a", 0, "failed")])
    with pytest.raises(ValueError, match="fan/a is asked for a second time"):
        board.ask("fan", Ask("a"))


def test_places_in_the_run_lead_back_to_the_file() -> None:
    assert inside("scans", 0) == "scans"
    assert inside("scans", 2) == "scans#2"
    assert declared("scans#2/17/fix#1/look") == "scans/do/fix/look"


chats = {
    "participants": ["ann", "bob"],
    "terminate": {"max_rounds": 2},
    "consensus": {"method": "majority", "tie_break": ["human"]},
}


@st.composite
def nodes(draw: st.DrawFn, path: str, depth: int) -> PlannedStep:
    more: dict[str, Any] = {
        "on_failure": draw(st.sampled_from(["escalate", "stop", "continue"])),
        "when": draw(st.sampled_from(["", "", "true", "false", "inputs.no"])),
    }
    kind = draw(st.sampled_from(["leaf", "sequential", "concurrent", "foreach", "chat"]))
    if kind == "leaf" or depth == 0:
        return leaf(path, **more)
    if kind == "chat":
        return block(path, "group_chat", options=chats, **more)
    if kind == "sequential":
        return block(path, kind, *draw(sequences(depth - 1)), **more)
    options = draw(rules()) | {"max_parallel": draw(st.integers(1, 3))}
    options["join"]["losers"] = draw(st.sampled_from(["cancel", "let_finish"]))
    if options["join"]["policy"] == "deadline" or draw(st.booleans()):
        options["join"]["deadline"] = "1m"
    if draw(st.booleans()):
        options["aggregate"] = {"agent": "writer"}
    if kind == "foreach":
        items = draw(st.sampled_from(["[]", "[1, 2]", "[1, 2, 3, 4]", "inputs.no"]))
        options["foreach"] = {"in": items, "as": "m", "cap": 3}
        return block(path, "concurrent", draw(nodes("do", depth - 1)), options=options, **more)
    names = "abc"[: draw(st.integers(1, 3))]
    plan = [draw(nodes(name, depth - 1)) for name in names]
    return block(path, "concurrent", *plan, options=options, **more)


@st.composite
def sequences(draw: st.DrawFn, depth: int) -> list[PlannedStep]:
    plan: list[PlannedStep] = []
    for name in "xyz"[: draw(st.integers(1, 3))]:
        plan.append(draw(nodes(name, depth)))
        if draw(st.booleans()) and not plan[-1].pattern:
            back = Jump(draw(st.sampled_from(plan)).path, 1)
            plan[-1] = leaf(name, jumps={draw(st.sampled_from(["rejected", "failed"])): back})
    return plan


@tried(200)
@given(sequences(2), st.data())
def test_every_run_ends_whatever_its_agents_and_people_do(
    plan: list[PlannedStep], data: st.DataObject
) -> None:
    engine = Engine(plan)
    for _ in range(2000):
        move = engine.advance().move
        if isinstance(move, Finish) and move.state != "escalated":
            assert move.state in {"succeeded", "failed", "rejected", "timed_out"}
            assert move.state != "succeeded" or not engine.open_leaves()
            return
        if isinstance(move, Finish) and not decide_as_a_person(engine, data):
            return
        if not isinstance(move, Finish):
            happen(engine, data)
    raise AssertionError("the run does not end")


def happen(engine: Engine, data: st.DataObject) -> None:
    """Let any of the open leaves come to anything."""
    moving = [row for row in engine.open_leaves() if row.state != "escalated"]
    assert moving, "it waits for nothing"
    row = data.draw(st.sampled_from(moving))
    states = ["succeeded"] if row.kind == "timer" else MOVES if len(engine.moves) < 50 else ENDS
    engine.end(row.path, data.draw(st.sampled_from(states)), row.iteration)


def decide_as_a_person(engine: Engine, data: st.DataObject) -> bool:
    """Retry, skip, supply or give up what is escalated; False if it is the file that is wrong."""
    stuck = engine.stuck()
    if not stuck:
        return False
    row = data.draw(st.sampled_from(stuck))
    verbs = ["succeeded", "skipped", "failed", "rejected"]
    if row.kind != "block" and len(engine.moves) < 50:
        verbs.append("ready")
    engine.end(row.path, data.draw(st.sampled_from(verbs)), row.iteration)
    return True
