from typing import Any

import pytest

from orchestrator.patterns.base import Finish, Wait
from orchestrator.patterns.handoff.pattern import Handoff
from tests.orchestrator.patterns.handoff.chain import (
    declines,
    envelope,
    handoff,
    in_turn,
    options,
    straight_on,
    to,
    trail,
    workers,
)
from tests.orchestrator.patterns.world import Ended, World, always, failed, said, under_way

BACK_AND_FORTH = {"start": "a", "transitions": {"a": ["b"], "b": ["a", "c"], "c": []}}


def test_the_work_goes_along_its_edges_to_an_agent_that_has_none() -> None:
    world = handoff(straight_on)
    assert workers(world) == ["build", "test", "deploy"]
    assert trail(world) == [("build", "test"), ("test", "deploy")]
    assert world.end.state == "succeeded"
    assert world.end.output["holder"] == "deploy"
    assert world.end.output["result"] == {"healthy": True}
    assert world.end.output["outputs"]["build"] == {"image": "v1"}


def test_the_receiver_gets_the_envelope_and_not_what_else_the_sender_said() -> None:
    world = handoff(straight_on)
    task = world.asks[1].task
    assert task["handoff"] == envelope("test")
    assert (task["offered"], task["holder"]) == (True, "build")
    assert "v1" not in str(task)


def test_an_accepted_handoff_is_recorded_when_its_receiver_has_taken_it() -> None:
    world = handoff(straight_on)
    assert [(note.type, note.payload["from"], note.payload["to"]) for note in world.notes] == [
        ("handoff.offered", "build", "test"),
        ("handoff.passed", "build", "test"),
        ("handoff.offered", "test", "deploy"),
        ("handoff.passed", "test", "deploy"),
    ]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (to("deploy"), "undeclared_target"),
        (to("mallory"), "undeclared_target"),
        (said(handoff=[envelope("test"), envelope("deploy")]), "several_handoffs"),
        (said(handoff=[envelope("test"), envelope("test")]), "several_handoffs"),
        (said(handoff=[envelope("test")]), "invalid_envelope"),
        (said(handoff=None), "invalid_envelope"),
        (said(handoff={"to": "test"}), "invalid_envelope"),
        (said(handoff=envelope("test", extra=1)), "invalid_envelope"),
        (
            said(handoff=envelope("test", artifacts=[{"name": "x", "digest": "latest"}])),
            "invalid_envelope",
        ),
        (said(handoff=envelope("test"), done=True), "done_and_handoff"),
        (said(done=True), "handoff_missing"),
        (said(image="v1"), "handoff_missing"),
        (declines(), "nothing_to_decline"),
        (failed("crashed"), "crashed"),
    ],
)
def test_a_faulty_answer_goes_back_with_a_typed_error_and_the_third_ends_with_a_person(
    answer: Ended, code: str
) -> None:
    world = handoff(always(answer))
    assert workers(world) == ["build"] * 3
    assert [ask.task.get("error", {}).get("code", "") for ask in world.asks] == ["", code, code]
    assert (world.end.state, world.end.error_code) == ("escalated", code)
    assert [note["code"] for note in world.noted("handoff.refused")] == [code] * 3


def test_an_agent_that_mends_its_answer_goes_on_with_a_clean_slate() -> None:
    bad = to("nowhere")
    world = handoff(in_turn(bad, bad, to("test"), bad, bad, to("deploy"), said()))
    assert world.end.state == "succeeded"
    assert "error" not in world.asks[3].task


def test_the_baton_does_not_pass_until_the_predicate_holds() -> None:
    requires = {"test": {"deploy": "outputs.failures == 0 && inputs.release"}}
    red, green = to("deploy", failures=2), to("deploy", failures=0)
    fields = options(requires=requires)
    world = handoff(in_turn(to("test"), red, green, said()), fields, inputs={"release": True})
    assert workers(world) == ["build", "test", "test", "deploy"]
    assert world.asks[2].task["error"]["code"] == "requirement_unmet"
    assert world.end.state == "succeeded"


def test_a_predicate_that_cannot_be_evaluated_does_not_hold() -> None:
    fields = options(requires={"build": {"test": "outputs.tests.passed"}})
    assert handoff(straight_on, fields).end.error_code == "requirement_unmet"


def test_a_file_may_demand_data_of_every_handoff() -> None:
    data = {"type": "object", "required": ["digest"]}
    fields = options(envelope=data)
    assert handoff(straight_on, fields).end.error_code == "invalid_envelope"
    kept = said(handoff=envelope("test", data={"digest": "d"}))
    assert handoff(in_turn(kept, *[failed()] * 4), fields).noted("handoff.offered")


def test_one_who_declines_leaves_the_work_with_its_holder_and_the_alternate_is_asked() -> None:
    fields = options(alternates={"test": ["retest", "manual"]})
    world = handoff(in_turn(to("test"), declines(), declines(), said(ok=1)), fields)
    assert workers(world) == ["build", "test", "retest", "manual"]
    assert {ask.task["holder"] for ask in world.asks} == {"build"}
    assert trail(world) == [("build", "manual")]
    assert [note["to"] for note in world.noted("handoff.declined")] == ["test", "retest"]
    assert world.end.output["holder"] == "manual"


@pytest.mark.parametrize("silence", [failed("crashed"), Ended("timed_out", {}), said(decline=1)])
def test_one_who_does_not_answer_an_offer_has_not_accepted_it(silence: Ended) -> None:
    fields = options(alternates={"test": ["retest"]})
    world = handoff(in_turn(to("test"), silence, said()), fields)
    assert workers(world) == ["build", "test", "retest"]


def test_what_nobody_takes_comes_back_once_and_then_ends_with_a_person() -> None:
    world = handoff(in_turn(to("test"), declines(), to("test"), declines()))
    assert workers(world) == ["build", "test", "build", "test"]
    assert world.asks[2].task["error"]["code"] == "declined"
    assert (world.end.state, world.end.error_code) == ("escalated", "declined")
    assert world.end.output["holder"] == "build"


def test_taking_the_work_on_and_answering_badly_is_not_declining() -> None:
    world = handoff(in_turn(to("test"), to("mallory"), to("deploy"), said()))
    assert workers(world) == ["build", "test", "test", "deploy"]
    assert world.asks[2].task["holder"] == "test"


def test_nobody_holds_the_work_more_often_than_the_file_allows() -> None:
    again = [to("test"), to("build")]
    world = handoff(in_turn(*again, *again))
    assert workers(world) == ["build", "test", "build", "test"]
    assert (world.end.state, world.end.error_code) == ("escalated", "limit_reached")
    assert trail(world) == [("build", "test"), ("test", "build"), ("build", "test")]


def test_there_are_no_more_handoffs_than_the_file_allows() -> None:
    world = handoff(straight_on, options(max_handoffs=1))
    assert workers(world) == ["build", "test"]
    assert (world.end.state, world.end.error_code) == ("escalated", "limit_reached")


def test_two_exchanges_between_the_same_two_are_ping_pong() -> None:
    world = handoff(in_turn(*[to("b"), to("a")] * 3), BACK_AND_FORTH | {"max_visits": 9})
    assert workers(world) == ["a", "b", "a", "b"]
    assert (world.end.state, world.end.error_code) == ("escalated", "ping_pong")
    assert len(trail(world)) == 3


def test_exchanges_long_ago_are_not_ping_pong() -> None:
    ring = ("c", "d", "e", "a")
    graph = {"a": ["b", "c"], "b": ["a"], "c": ["d"], "d": ["e"], "e": ["a"]}
    once = [to("b"), to("a"), *[to(name) for name in ring]]
    fields = {"start": "a", "transitions": graph, "max_visits": 9, "max_handoffs": 12}
    world = handoff(in_turn(*once, *once, to("b")), fields)
    assert world.end.error_code == "limit_reached"
    assert len(trail(world)) == 12


def test_work_is_never_offered_to_the_one_who_hands_it_over() -> None:
    fields = options(alternates={"build": ["test"]}, max_visits=9)
    world = handoff(in_turn(to("test"), to("build"), declines(), to("deploy"), said()), fields)
    assert workers(world) == ["build", "test", "build", "test", "deploy"]
    assert world.asks[3].task["offered"] is False


def test_an_agent_with_transitions_may_be_done_where_the_file_allows_it() -> None:
    for must in (False, ["test"]):
        world = handoff(always(said(done=True, image="v1")), options(must_handoff=must))
        assert (world.end.state, world.end.output["result"]) == ("succeeded", {"image": "v1"})


def test_silence_is_not_being_done() -> None:
    world = handoff(always(said(image="v1")), options(must_handoff=False))
    assert world.end.error_code == "handoff_missing"


def gated(answer: Any, people: Ended) -> World:
    fields = options(gates={"test": {"deploy": "May this go to production?"}})
    return handoff(lambda ask: people if ask.kind == "approval" else answer(ask), fields)


def test_people_are_asked_before_the_work_passes_a_gate() -> None:
    world = gated(straight_on, said())
    [asked] = [ask for ask in world.asks if ask.kind == "approval"]
    assert asked.task["question"] == "May this go to production?"
    assert asked.task["handoff"] == envelope("deploy")
    assert [ask.path for ask in world.asks] == ["turn", "turn", "approval", "turn"]
    assert len(world.noted("handoff.offered")) == 2


def test_a_gate_that_people_reject_rejects_the_block() -> None:
    end = gated(straight_on, Ended("rejected", {}, "gate_rejected")).end
    assert (end.state, end.cause, end.error_code) == ("rejected", "approval", "gate_rejected")


@pytest.mark.parametrize("state", ["failed", "skipped", "timed_out", "cancelled"])
def test_a_gate_that_ends_without_a_yes_lets_nothing_pass(state: str) -> None:
    world = gated(straight_on, Ended(state, {}))
    assert workers(world) == ["build", "test"]
    assert (world.end.state, world.end.error_code) == ("escalated", "not_approved")


def test_an_alternate_needs_no_second_approval() -> None:
    fields = options(
        gates={"test": {"deploy": "May it?"}}, alternates={"deploy": ["deploy_by_hand"]}
    )
    world = handoff(in_turn(to("test"), to("deploy"), declines(), said()), fields)
    [asked] = [ask for ask in world.asks if ask.kind == "approval"]
    assert asked.task["alternates"] == ["deploy_by_hand"]
    assert workers(world)[-2:] == ["deploy", "deploy_by_hand"]
    assert len(world.noted("handoff.declined")) == 1


@pytest.mark.parametrize("state", ["ready", "running", "awaiting_approval"])
def test_a_turn_under_way_is_waited_for(state: str) -> None:
    assert Handoff().decide(under_way(handoff(straight_on), state)) == Wait(state)


def test_a_turn_that_needs_a_person_stops_the_block_there() -> None:
    world = handoff(always(Ended("escalated", {}, "ambiguous_effect")))
    assert world.end == Finish("escalated", cause="turn", error_code="ambiguous_effect")
