from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.base import PastStep
from orchestrator.patterns.concurrent.joins import Verdict, join_of, verdict_of

FINAL = ["succeeded", "failed", "rejected", "skipped", "cancelled", "timed_out"]
POLICIES = ["all", "all_settled", "any", "race", "quorum", "deadline"]

endings = st.lists(st.sampled_from([*FINAL, "deadline"]), max_size=8)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    policy = draw(st.sampled_from(POLICIES))
    options: dict[str, Any] = {"join": {"policy": policy}}
    if policy == "quorum" or (policy in {"all_settled", "deadline"} and draw(st.booleans())):
        options["join"]["success"] = draw(st.integers(1, 5))
    if how := draw(st.sampled_from(["", "fail_fast", "continue", "quorum"])):
        options["on_branch_failure"] = how
    if how := draw(st.sampled_from(["", "reject_all", "drop", "wait"])):
        options["on_branch_reject"] = how
    return options


def joined(options: dict[str, Any], branches: int, *states: str) -> Verdict | None:
    return verdict_of(join_of(options), branches, ended(*states))


def ended(*states: str) -> list[PastStep]:
    return [
        PastStep("deadline", 0, "succeeded", kind="timer")
        if state == "deadline"
        else PastStep(str(number), 0, state)
        for number, state in enumerate(states)
    ]


def came_to(policy: str, branches: int, *states: str, **more: Any) -> str:
    success = {"success": more.pop("success")} if "success" in more else {}
    verdict = joined({"join": {"policy": policy, **success}, **more}, branches, *states)
    return verdict.state if verdict else "open"


@pytest.mark.parametrize(
    ("policy", "states", "outcome"),
    [
        ("all", ["succeeded"] * 2, "open"),
        ("all", ["succeeded"] * 3, "succeeded"),
        ("all", ["succeeded", "skipped", "succeeded"], "succeeded"),
        ("all", ["succeeded", "failed"], "failed"),
        ("all", ["rejected"], "rejected"),
        ("all", ["succeeded", "deadline"], "timed_out"),
        ("all_settled", ["failed", "timed_out"], "open"),
        ("all_settled", ["failed", "timed_out", "succeeded"], "succeeded"),
        ("all_settled", ["failed", "deadline"], "succeeded"),
        ("any", ["failed", "succeeded"], "succeeded"),
        ("any", ["failed", "failed"], "open"),
        ("any", ["failed", "failed", "cancelled"], "failed"),
        ("any", ["skipped", "skipped", "skipped"], "failed"),
        ("race", ["succeeded"], "succeeded"),
        ("race", ["failed", "succeeded"], "failed"),
        ("race", ["skipped", "succeeded"], "succeeded"),
        ("deadline", ["succeeded", "deadline"], "succeeded"),
        ("deadline", ["failed", "deadline"], "timed_out"),
        ("deadline", ["failed", "failed", "failed"], "failed"),
    ],
)
def test_a_policy_comes_out_as_declared(policy: str, states: list[str], outcome: str) -> None:
    assert came_to(policy, 3, *states) == outcome


def test_a_quorum_is_met_by_its_last_success() -> None:
    assert came_to("quorum", 4, "succeeded", "failed", success=2) == "open"
    assert came_to("quorum", 4, "succeeded", "failed", "succeeded", success=2) == "succeeded"


def test_a_quorum_out_of_reach_fails_at_once() -> None:
    assert came_to("quorum", 4, "failed", "failed", "failed", success=2) == "failed"
    assert came_to("quorum", 1, success=2) == "failed"


def test_a_quorum_may_wait_for_all_or_for_none_to_fail() -> None:
    late = {"success": 2, "on_branch_failure": "continue"}
    assert came_to("quorum", 4, "failed", "failed", "failed", **late) == "open"
    strict = {"success": 2, "on_branch_failure": "fail_fast"}
    assert came_to("quorum", 4, "failed", **strict) == "failed"


def test_a_rejection_may_drop_its_branch_only() -> None:
    drop = {"on_branch_reject": "drop"}
    assert came_to("all", 3, "rejected", "succeeded", **drop) == "open"
    assert came_to("all", 3, "rejected", "succeeded", "succeeded", **drop) == "succeeded"


def test_a_rejection_may_let_the_others_end_first() -> None:
    wait = {"on_branch_reject": "wait"}
    assert came_to("any", 3, "rejected", "succeeded", **wait) == "open"
    assert came_to("any", 3, "rejected", "succeeded", "failed", **wait) == "rejected"
    assert came_to("all", 3, "rejected", "failed", "deadline", **wait) == "rejected"


def test_without_branches_only_what_asks_for_none_succeeds() -> None:
    outcomes = {policy: came_to(policy, 0) for policy in ("all", "all_settled", "any", "race")}
    assert outcomes == {
        "all": "succeeded",
        "all_settled": "succeeded",
        "any": "failed",
        "race": "failed",
    }


def test_the_one_to_blame_is_named() -> None:
    verdict = joined({"join": {"policy": "any"}}, 2, "failed", "timed_out")
    assert verdict is not None
    assert (verdict.cause, verdict.error_code) == ("0", "join_unmet")
    assert verdict.detail == "0 branches succeeded, and 1 had to."


@given(rules(), endings)
def test_a_join_is_decided_by_the_time_all_have_ended(
    options: dict[str, Any], states: list[str]
) -> None:
    branches = sum(state != "deadline" for state in states)
    assert joined(options, branches, *states) is not None


@given(rules(), endings, st.integers(0, 4))
def test_what_ends_after_the_join_changes_nothing(
    options: dict[str, Any], states: list[str], more: int
) -> None:
    branches = sum(state != "deadline" for state in states) + more
    verdicts = [joined(options, branches, *states[:n]) for n in range(len(states) + 1)]
    fired = [verdict for verdict in verdicts if verdict is not None]
    assert all(verdict == fired[0] for verdict in fired)
    assert verdicts == [None] * (len(verdicts) - len(fired)) + fired


@given(rules(), endings, st.integers(0, 4))
def test_a_join_never_succeeds_on_less_than_it_asks_for(
    options: dict[str, Any], states: list[str], more: int
) -> None:
    branches = sum(state != "deadline" for state in states) + more
    verdict = joined(options, branches, *states)
    if verdict is None or verdict.state != "succeeded":
        return
    counted = [child.state for child in verdict.counted]
    join = join_of(options)
    if join.need is None:
        assert set(counted) <= {"succeeded", "skipped", "rejected"}
        assert len(counted) == branches
    else:
        assert counted.count("succeeded") >= join.need
    if join.on_reject != "drop":
        assert "rejected" not in counted
    if join.on_failure == "fail_fast":
        assert not {"failed", "timed_out", "cancelled"} & set(counted)
