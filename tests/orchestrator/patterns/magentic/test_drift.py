from typing import Any

import pytest

from orchestrator.patterns.magentic.drift import drift_of
from tests.orchestrator.patterns.magentic.team import as_item

APPROVED = as_item(risk="medium", scopes=["repo"], est_tokens=10, compensation="undo")


def test_the_item_that_was_approved_has_not_drifted() -> None:
    assert drift_of(APPROVED, APPROVED) == []


def test_an_item_that_nobody_approved_has_drifted() -> None:
    assert drift_of(APPROVED, None) == ["not_in_approved_plan"]


@pytest.mark.parametrize(
    ("change", "signs"),
    [
        ({"agent": "tester"}, ["not_in_approved_plan"]),
        ({"goal": "delete the tests"}, ["not_in_approved_plan"]),
        ({"scopes": ["repo", "production"]}, ["scopes"]),
        ({"scopes": []}, []),
        ({"risk": "high"}, ["risk"]),
        ({"risk": "low"}, []),
        ({"est_cost_micro_usd": 1200}, []),
        ({"est_cost_micro_usd": 1201}, ["cost"]),
        ({"est_cost_micro_usd": 0}, []),
        ({"est_tokens": 12}, []),
        ({"est_tokens": 13}, ["tokens"]),
        ({"action_class": "deploy"}, ["action_class"]),
        ({"compensation": ""}, ["compensation"]),
        ({"needs_approval": True}, []),
        ({"depends_on": ["test"]}, []),
        ({"risk": "critical", "est_cost_micro_usd": 5000}, ["risk", "cost"]),
    ],
)
def test_drift_is_what_goes_beyond_the_approval(change: dict[str, Any], signs: list[str]) -> None:
    same = {"risk": "medium", "scopes": ["repo"], "est_tokens": 10, "compensation": "undo"}
    assert drift_of(as_item(**(same | change)), APPROVED) == signs


def test_an_item_that_was_to_be_approved_cannot_do_without() -> None:
    assert drift_of(as_item(), as_item(needs_approval=True)) == ["approval_dropped"]


def test_anything_is_dearer_than_what_was_to_cost_nothing() -> None:
    assert drift_of(as_item(est_cost_micro_usd=1), as_item(est_cost_micro_usd=0)) == ["cost"]
