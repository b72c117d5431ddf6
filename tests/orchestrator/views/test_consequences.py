"""The sentence beside each verb of a step that needs a person."""

import uuid
from types import SimpleNamespace
from typing import Any, cast

import pytest

from governance.selectors.budgets import Bar, HoldingView
from orchestrator.selectors.escalations import Packet
from orchestrator.selectors.failures import Spent
from orchestrator.selectors.rollback import Fate
from orchestrator.selectors.stakes import Stakes
from orchestrator.views.consequences import consequence_of


def packet(**fields: Any) -> Packet:
    plain = {"is_undo": False, "spent": Spent(3, 0), "stakes": Stakes()}
    return cast("Packet", SimpleNamespace(**{**plain, **fields}))


def done(what: str) -> Fate:
    return Fate(uuid.uuid4(), "write", "Append", what, 1, "in_place", "")


def budget(left: str) -> HoldingView:
    bar = cast("Bar", SimpleNamespace(left=left))
    return HoldingView("held", "Held", [bar], "0.00 USD", None)


@pytest.mark.parametrize(
    ("verb", "fields", "said"),
    [
        ("retry", {}, "A try cost nothing so far."),
        ("reroute", {"spent": Spent(2, 500_000)}, "A try cost about 0.25 USD so far."),
        ("retry", {"is_undo": True}, "Undoing draws on no budget."),
        ("skip", {}, "Costs nothing, and undoes nothing."),
        ("fail", {}, "Nothing outside was changed; there is nothing to undo."),
        ("fail", {"is_undo": True}, "Undoes nothing more."),
        (
            "fail",
            {"stakes": Stakes([done("Merge a.")], [done("Mail c.")])},
            "If the run ends by it, this is undone: Merge a. This stays whatever comes: Mail c.",
        ),
        (
            "fail",
            {"stakes": Stakes(kept=[done(name) for name in "abcde"])},
            "This stays whatever comes: a; b; c; and 2 more.",
        ),
    ],
)
def test_a_verb_says_what_it_would_cost_and_undo(
    verb: str, fields: dict[str, Any], said: str
) -> None:
    assert consequence_of(verb, packet(**fields), None) == said


def test_what_the_run_has_left_is_said_beside_what_a_try_costs() -> None:
    said = consequence_of("retry", packet(spent=Spent(1, 10_000)), budget("0.99 USD"))
    assert said == "A try cost about 0.01 USD so far. The run has 0.99 USD left."
