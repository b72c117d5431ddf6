import pytest

from orchestrator.patterns.base import Finish, History, PastStep, Wait
from orchestrator.patterns.children import Fault, fault_of, interruption, misfit, next_iteration

SCHEMA = {"type": "object", "required": ["vote"], "properties": {"vote": {"enum": ["p1"]}}}


def block(**states: str) -> History:
    return History(
        (), [PastStep(path, 0, state, error_code=state) for path, state in states.items()]
    )


def test_a_block_whose_children_have_ended_is_free_to_go_on() -> None:
    ended = block(a="succeeded", b="failed", c="skipped", d="cancelled", e="timed_out")
    assert interruption(ended) is None


@pytest.mark.parametrize("state", ["blocked", "ready", "running", "backoff", "awaiting_input"])
def test_a_child_under_way_is_waited_for(state: str) -> None:
    assert interruption(block(a="succeeded", b=state)) == Wait(state)


def test_a_rejected_child_rejects_its_block_and_ends_those_under_way() -> None:
    move = interruption(block(a="running", b="escalated", c="rejected", d="succeeded", e="ready"))
    assert move == Finish("rejected", "c", "rejected", cancel=[("a", 0), ("e", 0)])


def test_a_child_that_needs_a_person_stops_its_block_and_ends_nobody() -> None:
    move = interruption(block(a="running", b="escalated"))
    assert move == Finish("escalated", "b", "escalated")


def test_an_answer_is_judged_by_its_shape() -> None:
    assert fault_of(PastStep("a", 0, "succeeded", {"vote": "p1"}), SCHEMA) is None
    fault = fault_of(PastStep("a", 0, "succeeded", {"vote": "p2"}), SCHEMA)
    assert fault is not None
    assert fault.as_json() == {"code": "invalid_answer", "detail": fault.detail}
    assert fault.detail.startswith("vote: ")


def test_a_child_that_failed_has_no_answer_whatever_it_left_behind() -> None:
    failed = PastStep("a", 0, "failed", {"vote": "p1"}, error_code="crashed")
    fault = fault_of(failed, SCHEMA)
    assert fault == Fault("crashed", "The turn ended without an answer.")


def test_a_long_answer_does_not_make_a_long_fault() -> None:
    fault = misfit({"vote": "x" * 100_000}, SCHEMA)
    assert fault is not None
    assert len(fault.detail) < 400


def test_an_iteration_is_new_even_when_history_has_a_gap() -> None:
    past = [PastStep("a", 0, "failed"), PastStep("a", 4, "failed"), PastStep("b", 9, "failed")]
    assert next_iteration(History((), past), "a") == 5
    assert next_iteration(History((), past), "c") == 0
