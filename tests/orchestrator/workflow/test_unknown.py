"""What reads an absent output is neither true nor false, wherever a file asks it."""

import pytest

from orchestrator.history.deciding import unmet_success
from orchestrator.patterns.base import CheckpointRule, Finish, PastStep, PlannedStep
from orchestrator.patterns.tree import UNCLEAR, decide_run
from orchestrator.workflow.checkpoints import judge
from orchestrator.workflow.loading import parse
from tests.factories.orchestrator import document, step

ABSENT = ["{}.critical == 0", "!({}.critical > 0)", "{}.critical == 0 && true"]
ASKED = "has({0}.critical) && {0}.critical == 0"


def decided(condition: str) -> Finish:
    plan = [PlannedStep("scan", agent="a"), PlannedStep("guard", agent="a", when=condition)]
    move = decide_run(plan, [PastStep("scan", 0, "succeeded", order=1)], {"inputs": {}}).move
    assert isinstance(move, Finish)
    return move


@pytest.mark.parametrize("condition", ABSENT)
def test_a_condition_over_an_absent_output_neither_runs_nor_skips_its_step(condition: str) -> None:
    move = decided(condition.format("steps.scan.outputs"))
    assert (move.state, move.cause, move.error_code) == ("escalated", "guard", UNCLEAR)
    assert "there is no critical; where that may be, ask with has(...) first" in move.detail


def test_a_condition_that_asks_first_is_false_and_skips_its_step() -> None:
    assert decided(ASKED.format("steps.scan.outputs")).state == "succeeded"


@pytest.mark.parametrize("condition", ABSENT)
def test_a_checkpoint_over_an_absent_output_takes_its_route(condition: str) -> None:
    rule = CheckpointRule(condition.format("outputs"), "Scan again.", "human")
    assert judge([rule], outputs={}, inputs={}).route == "human"


@pytest.mark.parametrize("condition", ABSENT)
def test_a_run_whose_success_reads_an_absent_output_has_not_succeeded_and_says_why(
    condition: str,
) -> None:
    success = condition.format("steps.scan.outputs")
    definition = parse(document(step("scan", "a"), success=[success]), "file.yaml")
    [why] = unmet_success(definition, {}, {"scan": {"outputs": {}}})
    assert why.startswith(success)
    assert "ask with has(...) first" in why
