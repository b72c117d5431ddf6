from typing import Any

import pytest

from orchestrator.patterns.base import Finish, Wait
from orchestrator.patterns.magentic.pattern import Magentic
from tests.orchestrator.patterns.magentic.team import (
    AUDITED,
    GREEN,
    SATISFIED,
    STUCK,
    WANTED,
    Script,
    ending,
    item,
    magentic,
    member,
    options,
    paths,
    plan,
    progress,
    replan,
    straight,
)
from tests.orchestrator.patterns.world import Ended, failed, said, under_way


def test_a_plan_is_worked_off_round_by_round_until_its_success_is_checked() -> None:
    world = magentic(Script(progress=straight()))
    assert paths(world) == ["plan", "progress", "item_fix", "progress", "item_test", "progress"]
    assert [ask.agent for ask in world.asks] == ["lea", "lea", "fixer", "lea", "tester", "lea"]
    assert world.end.state == "succeeded"
    output = world.end.output
    assert set(output) == {"criteria", "plan_version", "rounds", "results"}
    assert (output["plan_version"], output["rounds"]) == (1, 3)
    assert [found["met"] for found in output["criteria"]] == [True]
    assert output["results"]["test"]["output"] == {"failures": 0}


def test_independent_items_are_given_out_at_the_same_time() -> None:
    both = plan(item(), item("test", "tester"))
    world = magentic(Script(plan=[both], progress=[progress("fix", "test"), SATISFIED]))
    assert paths(world) == ["plan", "progress", "item_fix", "item_test", "progress"]


def test_a_member_is_told_what_to_do_and_what_came_before() -> None:
    world = magentic(Script(progress=straight()))
    task = world.asks[4].task
    assert (task["item"]["id"], task["instruction"]) == ("test", "please test")
    assert set(task["results"]) == {"fix"}
    assert task["remaining"] == {"rounds": 4, "replans": 1, "depth": 1}


def test_the_manager_is_told_what_is_done_and_what_is_ready() -> None:
    world = magentic(Script(progress=straight()))
    told = [(ask.task["done"], ask.task["ready"]) for ask in world.asks if ask.path == "progress"]
    assert told == [([], ["fix"]), (["fix"], ["fix", "test"]), (["fix", "test"], ["fix", "test"])]


def test_satisfied_is_a_claim_and_not_a_fact() -> None:
    world = magentic(Script(progress=[SATISFIED]))
    assert ending(world)[0] == "escalated"
    assert "item_fix" not in paths(world)
    assert [found["met"] for found in world.end.output["criteria"]] == [False]


def test_a_claim_is_checked_by_an_agent_that_may_say_no() -> None:
    answers = [said(met=False, reason="no test"), said(met=True, reason="sound")]
    world = magentic(Script(progress=straight(), check_audited=[*answers]), options(AUDITED))
    assert [ask.agent for ask in world.asks if ask.path == "check_audited"] == ["auditor"] * 2
    assert world.end.state == "succeeded"
    assert world.asks[-2].task["criteria"][0]["reason"] == "no test"


@pytest.mark.parametrize("answer", [failed(), said(), said(met="yes", reason="x")])
def test_a_judge_without_a_usable_answer_has_not_said_yes(answer: Ended) -> None:
    world = magentic(Script(progress=straight(), check_audited=[answer]), options(AUDITED))
    assert ending(world)[0] == "escalated"


def test_code_is_asked_first_then_agents_and_people_last() -> None:
    script = Script(progress=straight(), check_audited=[{"met": True, "reason": "sound"}])
    world = magentic(script, options(WANTED, AUDITED, GREEN))
    assert paths(world)[-2:] == ["check_audited", "check_wanted"]
    assert world.asks[-1].kind == "approval"
    deciders = [note.decider for note in world.notes if note.type == "ledger.criteria_checked"]
    assert deciders == ["rule", "model", "human"]


def test_nobody_is_asked_while_code_says_no() -> None:
    world = magentic(Script(progress=[SATISFIED]), options(WANTED, AUDITED, GREEN))
    assert not [path for path in paths(world) if path.startswith("check_")]


def test_people_may_send_the_team_back_to_work() -> None:
    script = Script(progress=straight(), check_wanted=[{"revise": "Write a test"}, {}])
    world = magentic(script, options(WANTED))
    assert paths(world)[-3:] == ["check_wanted", "progress", "check_wanted"]
    assert world.asks[-2].task["criteria"][0]["reason"] == "Write a test"
    assert world.end.state == "succeeded"


def test_an_expression_sees_nothing_of_an_agent_whose_last_turn_failed() -> None:
    tests: list[Any] = [said(failures=0), failed()]
    rounds = [progress("fix"), progress("test"), progress("test"), SATISFIED]
    world = magentic(Script(progress=[*rounds], item_test=tests))
    assert ending(world)[0] == "escalated"


def test_people_approve_a_plan_by_its_digest_before_anything_is_done() -> None:
    world = magentic(Script(progress=straight()), options(review="initial"))
    review = world.asks[1]
    assert (review.path, review.kind) == ("review", "approval")
    assert review.task["digest"] == review.task["plan"]["digest"]
    assert len(review.task["digest"]) == 64
    assert paths(world)[:4] == ["plan", "review", "progress", "item_fix"]


def test_a_plan_that_people_reject_rejects_the_block() -> None:
    world = magentic(
        Script(review=[Ended("rejected", {}, "gate_rejected")]), options(review="always")
    )
    assert world.end == Finish("rejected", "review", "gate_rejected", cancel=[])


@pytest.mark.parametrize("state", ["failed", "skipped", "timed_out", "cancelled"])
def test_a_review_that_ends_without_a_yes_starts_nothing(state: str) -> None:
    world = magentic(Script(review=[Ended(state, {})]), options(review="initial"))
    assert paths(world) == ["plan", "review"]
    assert ending(world) == ("escalated", "not_approved")


def test_a_plan_that_is_sent_back_is_written_again() -> None:
    script = Script(progress=straight(), review=[{"revise": "Test first"}, {}])
    world = magentic(script, options(review="initial"))
    assert paths(world)[:4] == ["plan", "review", "plan", "review"]
    assert world.asks[2].task["revise"] == "Test first"
    assert world.end.output["plan_version"] == 2


def test_people_send_plans_back_no_more_often_than_the_file_allows() -> None:
    world = magentic(Script(review=[{"revise": "No"}]), options(review="initial"))
    assert paths(world) == ["plan", "review"] * 2
    assert ending(world) == ("escalated", "limit_reached")


RISKY = plan(item(risk="high"))


@pytest.mark.parametrize(
    ("review", "first", "reviews"),
    [
        ("never", RISKY, []),
        ("initial", plan(), [1]),
        ("replan", plan(), [2]),
        ("risk>=high", plan(), []),
        ("risk>=high", RISKY, [1]),
        ("always", plan(), [1, 2]),
    ],
)
def test_people_review_the_plans_that_the_file_says(
    review: str, first: dict[str, Any], reviews: list[int]
) -> None:
    world = magentic(Script(plan=[first, replan()], progress=[STUCK]), options(review=review))
    versions = [ask.task["plan"]["version"] for ask in world.asks if ask.path == "review"]
    assert versions == reviews


def test_a_stalled_plan_is_replaced_and_then_a_person_is_needed() -> None:
    world = magentic(Script(progress=[STUCK]))
    assert paths(world) == ["plan", "progress", "progress"] * 2
    assert world.asks[3].task["stall"]["stall_count"] == 2
    assert ending(world) == ("escalated", "stalled")
    output = world.end.output
    assert output["ledger"]["stall_count"] == 2
    assert output["ledger"]["is_progress_being_made"]["answer"] is False
    verbs = [option["verb"] for option in output["options"]]
    assert verbs == ["amend_plan", "narrow_task", "roll_back"]
    [replanned] = world.noted("ledger.replanned")
    assert replanned["replan"]["root_cause"] == "wrong file"


def test_progress_makes_up_for_a_stall() -> None:
    rounds = [STUCK, progress("fix"), STUCK, progress("fix"), progress("test"), SATISFIED]
    world = magentic(Script(progress=[*rounds]))
    counts = [note["stall_count"] for note in world.noted("ledger.progress")]
    assert counts == [1, 0, 1, 0, 0, 0]
    assert world.end.state == "succeeded"


def test_a_manager_that_sees_progress_where_nothing_changes_is_not_believed() -> None:
    same: list[Any] = [said(note="tried again")]
    world = magentic(Script(progress=[progress("fix")], item_fix=same), options(max_rounds=20))
    assert ending(world) == ("escalated", "stalled")
    assert world.end.output["ledger"]["mechanical"]["repeat_hash"] is True


def test_endless_work_ends_at_the_last_round() -> None:
    world = magentic(Script(progress=[progress("fix")]))
    assert ending(world) == ("escalated", "limit_reached")
    assert world.end.output["rounds"] == 6


@pytest.mark.parametrize(
    ("path", "garbage"), [("plan", {}), ("plan", failed()), ("progress", {"satisfied": True})]
)
def test_a_ledger_that_cannot_be_used_is_asked_for_again_with_the_reason(
    path: str, garbage: Any
) -> None:
    world = magentic(Script(**{path: [garbage]}))
    asked = [ask for ask in world.asks if ask.path == path]
    assert len(asked) == 3
    assert ["error" in ask.task for ask in asked] == [False, True, True]
    assert ending(world)[0] == "escalated"
    assert asked[-1].task["error"]["code"] == world.end.error_code


def test_a_manager_may_correct_itself() -> None:
    rounds = [progress("mallory"), *straight()]
    world = magentic(Script(plan=[{}, plan()], progress=[*rounds]))
    assert world.end.state == "succeeded"
    assert world.asks[3].task["error"]["code"] == "unknown_item"


def test_a_manager_may_say_that_a_person_is_needed() -> None:
    needs = {"answer": True, "reason": "Which branch?"}
    world = magentic(Script(progress=[progress(needs_human=needs)]))
    assert (world.end.error_code, world.end.detail) == ("needs_human", "Which branch?")


def pulls_in(agent: str = "profiler", **more: Any) -> dict[str, Any]:
    amend = {"team": [member(agent)], "plan": [item("profile", agent, **more)]}
    return progress("profile", amend=amend)


def test_a_candidate_may_be_pulled_in_as_the_need_appears() -> None:
    world = magentic(Script(progress=[pulls_in(), *straight()]))
    assert paths(world)[:3] == ["plan", "progress", "item_profile"]
    assert world.asks[2].agent == "profiler"
    assert world.end.output["plan_version"] == 2


def test_nobody_else_can_be_pulled_in() -> None:
    world = magentic(Script(progress=[pulls_in("mallory")]))
    assert ending(world) == ("escalated", "not_eligible")
    assert all(ask.agent == "lea" for ask in world.asks)


def test_work_that_is_not_in_the_approved_plan_is_asked_for_first() -> None:
    script = Script(progress=[pulls_in(), *straight()])
    world = magentic(script, options(review="initial"))
    assert paths(world)[:5] == ["plan", "review", "progress", "allow_profile", "item_profile"]
    assert world.asks[3].kind == "approval"
    assert world.asks[3].task["why"] == ["not_in_approved_plan"]
    drifted = [(n.decider, n.payload) for n in world.notes if n.type == "ledger.drifted"]
    assert [decider for decider, _ in drifted] == ["rule", "human"]
    assert drifted[1][1]["allowed"] == {"profile": True}


def test_drifted_work_that_people_want_otherwise_is_not_done() -> None:
    script = Script(progress=[pulls_in(), *straight()], allow_profile=[{"revise": "Not now"}])
    world = magentic(script, options(review="initial"))
    assert "item_profile" not in paths(world)
    assert world.asks[4].task["feedback"] == ["profile: Not now"]
    assert world.end.state == "succeeded"


def test_drifted_work_that_people_reject_rejects_the_block() -> None:
    script = Script(progress=[pulls_in()], allow_profile=[Ended("rejected", {})])
    world = magentic(script, options(review="initial"))
    assert world.end == Finish("rejected", "allow_profile", cancel=[])


def test_a_new_plan_is_within_the_approved_one_or_asked_for_item_by_item() -> None:
    dearer = replan(item(est_cost_micro_usd=1201), item("test", "tester", "fix"))
    rounds = [STUCK, STUCK, progress("fix"), progress("test"), SATISFIED]
    world = magentic(Script(plan=[plan(), dearer], progress=[*rounds]), options(review="initial"))
    assert paths(world).count("review") == 1
    [allow] = [ask for ask in world.asks if ask.path.startswith("allow_")]
    assert (allow.path, allow.task["why"]) == ("allow_fix", ["cost"])
    assert allow.task["approved"]["est_cost_micro_usd"] == 1000


def test_an_item_that_needs_approval_is_asked_for_once() -> None:
    first = plan(item(needs_approval=True), item("test", "tester", "fix"))
    rounds = [progress("fix"), *straight()]
    world = magentic(Script(plan=[first], progress=[*rounds]))
    assert paths(world).count("allow_fix") == 1
    assert paths(world).count("item_fix") == 2
    assert not [note for note in world.noted("ledger.drifted") if "items" in note]


@pytest.mark.parametrize("review", ["never", "risk>=high"])
def test_changed_work_is_drift_where_new_work_is_welcome(review: str) -> None:
    amend = {"plan": [item(scopes=["production"])]}
    world = magentic(
        Script(progress=[progress("fix", amend=amend), progress("test"), SATISFIED]),
        options(review=review),
    )
    assert paths(world)[2:4] == ["allow_fix", "item_fix"]
    assert world.asks[2].task["why"] == ["scopes"]


def test_a_member_that_fails_is_the_managers_concern() -> None:
    world = magentic(
        Script(progress=[progress("fix"), *straight()], item_fix=[failed(), said(a=1)])
    )
    assert world.asks[3].task["results"]["fix"]["error_code"] == "crashed"
    assert world.end.state == "succeeded"


def test_the_artifacts_of_an_answer_that_breaks_its_shape_are_not_taken() -> None:
    bad = said(artifacts=[{"name": "x", "digest": "y"}])
    world = magentic(Script(progress=[progress("fix"), SATISFIED], item_fix=[bad]))
    assert world.end.output["results"]["fix"]["state"] == "failed"
    assert world.end.output["results"]["fix"]["output"] == {}


@pytest.mark.parametrize("state", ["ready", "running", "awaiting_approval"])
def test_a_turn_under_way_is_waited_for(state: str) -> None:
    world = magentic(Script(progress=straight()))
    assert Magentic().decide(under_way(world, state)) == Wait(state)


def test_a_turn_that_needs_a_person_stops_the_block_there() -> None:
    world = magentic(Script(plan=[Ended("escalated", {}, "ambiguous_effect")]))
    assert world.end == Finish("escalated", cause="plan", error_code="ambiguous_effect")


def test_every_decision_is_noted_once() -> None:
    world = magentic(Script(progress=straight()), options(review="initial"))
    assert [(note.type, note.decider) for note in world.notes] == [
        ("ledger.planned", "model"),
        ("ledger.approved", "human"),
        *[("ledger.progress", "model")] * 3,
        ("ledger.criteria_checked", "rule"),
    ]
