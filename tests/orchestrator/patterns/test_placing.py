"""A step that others are asked about first, in a tree and by itself."""

import pytest

from orchestrator.patterns.base import Ask, Finish, History, Move, PlannedStep, Start, Wait
from orchestrator.patterns.children import children
from orchestrator.patterns.states import FINAL
from tests.orchestrator.patterns.engine import Engine

PLAN = (PlannedStep("draft", agent="crew"), PlannedStep("close", agent="ann"))


def asks_bob_first(step: PlannedStep, history: History) -> str | Move:
    """Ask Bob about whatever the crew is to do; then it is Bob's, if he likes."""
    if step.agent != "crew":
        return step.agent
    asked = children(history, "question")
    if not asked:
        return Start([Ask("question", agent="bob", task={"about": dict(step.options)})])
    if asked[0].state not in FINAL:
        return Wait(asked[0].state)
    if asked[0].output.get("likes"):
        return "bob"
    return Finish("escalated", error_code="nobody", detail="Bob does not like it.")


def begun() -> Engine:
    engine = Engine(PLAN, assign=asks_bob_first)
    engine.advance()
    return engine


def test_a_step_that_others_are_asked_about_is_a_block_with_their_turns_inside() -> None:
    engine = begun()
    assert engine.rows["draft", 0].kind == "block"
    assert [row.path for row in engine.open_leaves()] == ["draft/question"]


def test_the_turn_of_whom_the_topology_names_ends_the_step() -> None:
    engine = begun()
    engine.end("draft/question", "succeeded", likes=True)
    engine.advance()
    assert [row.path for row in engine.open_leaves()] == ["draft/turn"]
    engine.end("draft/turn", "succeeded", done=True)
    engine.advance()
    assert engine.output("draft") == {"done": True}
    assert [row.path for row in engine.open_leaves()] == ["close"]


def test_a_step_nobody_can_do_needs_a_person() -> None:
    engine = begun()
    engine.end("draft/question", "succeeded", likes=False)
    move = engine.advance().move
    assert isinstance(move, Finish)
    assert (move.state, move.cause, move.detail) == ("escalated", "draft", "Bob does not like it.")


@pytest.mark.parametrize("state", ["failed", "rejected"])
def test_a_turn_that_went_wrong_ends_its_step_as_it_ended(state: str) -> None:
    engine = begun()
    engine.end("draft/question", "succeeded", likes=True)
    engine.advance()
    engine.end("draft/turn", state)
    move = engine.advance().move
    assert isinstance(move, Finish)
    assert (move.state, move.cause) == (state, "draft/turn")


def test_an_escalated_turn_is_what_a_person_decides_about_and_then_the_step_goes_on() -> None:
    engine = begun()
    engine.end("draft/question", "succeeded", likes=True)
    engine.advance()
    engine.end("draft/turn", "escalated")
    engine.advance()
    assert [row.path for row in engine.stuck()] == ["draft/turn"]
    engine.end("draft/turn", "succeeded", done=True)
    engine.advance()
    assert engine.rows["draft", 0].state == "succeeded"
