from typing import Any

import pytest

from audit.canonical import digest
from orchestrator.patterns.children import Fault
from orchestrator.patterns.magentic.progress_ledger import ProgressLedger, read_progress_ledger
from orchestrator.patterns.magentic.rules import rules_of
from orchestrator.patterns.magentic.task_ledger import TaskLedger, amended, read_task_ledger
from tests.orchestrator.patterns.magentic.team import (
    SATISFIED,
    STUCK,
    item,
    member,
    options,
    plan,
    progress,
    replan,
)

RULES = rules_of(options())


def read(answer: Any, stall: dict[str, Any] | None = None) -> TaskLedger | Fault:
    return read_task_ledger(answer, rules=RULES, version=1, stall=stall)


def good(answer: Any) -> TaskLedger:
    ledger = read(answer)
    assert isinstance(ledger, TaskLedger), ledger
    return ledger


def code(found: TaskLedger | ProgressLedger | Fault) -> str:
    return found.code if isinstance(found, Fault) else ""


def test_a_ledger_holds_the_goal_and_the_criteria_of_the_file() -> None:
    content = good(plan()).content
    assert (content["task"], content["version"], content["parent_version"]) == (RULES.goal, 1, 0)
    assert [criterion["id"] for criterion in content["success_criteria"]] == ["green"]
    assert good(plan()).digest == digest(dict(content))


def test_ledgers_that_differ_have_digests_that_differ() -> None:
    assert good(plan(item())).digest != good(plan(item(scopes=["repo"]))).digest


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({}, "invalid_ledger"),
        (None, "invalid_ledger"),
        (plan() | {"success_criteria": []}, "invalid_ledger"),
        (plan() | {"facts": {"guesses": [{"text": "x", "confidence": 2}]}}, "invalid_ledger"),
        (plan(item(risk="none")), "invalid_ledger"),
        (plan(item(est_cost_micro_usd=-1)), "invalid_ledger"),
        (plan(item(approved=True)), "invalid_ledger"),
        (plan(item("../fix")), "invalid_ledger"),
        (plan(item(goal="\ud800")), "invalid_ledger"),
        (plan(item("a"), item("a")), "duplicate_item"),
        (plan(item("a", "fixer", "b")), "unknown_item"),
        (plan(item("a", "fixer", "a")), "circular_plan"),
        (plan(item("a", "fixer", "b"), item("b", "fixer", "a")), "circular_plan"),
        (plan(item(agent="profiler")), "not_in_team"),
        (plan(team=("fixer", "tester", "mallory")), "not_eligible"),
        (plan(team=("fixer", "fixer", "tester")), "duplicate_member"),
    ],
)
def test_a_ledger_that_cannot_be_followed_is_refused(answer: Any, expected: str) -> None:
    assert code(read(answer)) == expected


def test_a_team_is_no_larger_than_the_file_allows() -> None:
    few = rules_of(options(max_team=1))
    found = read_task_ledger(plan(), rules=few, version=1)
    assert code(found) == "team_too_large"


def test_a_plan_after_a_stall_names_the_root_cause() -> None:
    assert code(read(plan(), {"trigger": "stalled"})) == "invalid_ledger"
    ledger = read(replan(), {"trigger": "stalled"})
    assert isinstance(ledger, TaskLedger)
    cause = {"trigger": "stalled", "reason": "stuck", "root_cause": "wrong file"}
    assert ledger.content["replan"] == cause


def test_an_amendment_makes_the_next_version_and_leaves_the_old_one_as_it_was() -> None:
    old = good(plan())
    more = {"team": [member("profiler")], "plan": [item("profile", "profiler")]}
    new = amended(old, more, rules=RULES)
    assert isinstance(new, TaskLedger)
    assert (new.version, new.content["parent_version"]) == (2, 1)
    assert (list(new.items), list(new.team)) == (
        ["fix", "test", "profile"],
        ["fixer", "tester", "profiler"],
    )
    assert list(old.items) == ["fix", "test"]


def test_an_amendment_cannot_close_a_circle() -> None:
    changed = {"plan": [item("fix", "fixer", "test")]}
    assert code(amended(good(plan()), changed, rules=RULES)) == "circular_plan"


def test_an_amendment_cannot_say_one_thing_twice() -> None:
    assert code(amended(good(plan()), {"plan": [item(), item()]}, rules=RULES)) == "duplicate_item"


def test_a_plan_does_not_grow_beyond_its_size() -> None:
    more = {"plan": [item(f"more{n}") for n in range(49)]}
    assert code(amended(good(plan()), more, rules=RULES)) == "plan_too_long"


CHAIN = plan(item("a"), item("b", "fixer", "a"), item("c", "tester", "b"), item("d"))


@pytest.mark.parametrize(
    ("answer", "done", "expected"),
    [
        (progress("a", "d"), [], ""),
        (progress("b"), ["a"], ""),
        (STUCK, [], ""),
        (SATISFIED, [], ""),
        (progress(needs_human={"answer": True, "reason": "?"}), [], ""),
        ({}, [], "invalid_ledger"),
        (progress("a", speaker="mallory"), [], "invalid_ledger"),
        (progress("a") | {"is_in_loop": True}, [], "invalid_ledger"),
        (progress(), [], "nothing_next"),
        (progress("a", satisfied=True), [], "satisfied_and_next"),
        (progress("a", "a"), [], "duplicate_item"),
        (progress("mallory"), [], "unknown_item"),
        (progress("b"), [], "dependency_unmet"),
        (progress("a", "b"), ["a"], "not_independent"),
        (progress("a", "c"), ["a", "b"], "not_independent"),
    ],
)
def test_a_progress_ledger_is_followed_only_if_it_makes_sense(
    answer: Any, done: list[str], expected: str
) -> None:
    found = read_progress_ledger(answer, plan=good(CHAIN), done=done, rules=RULES)
    assert code(found) == expected
