"""A model is told that its call was refused, goes on within its limits, and a person is asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from audit.models import Event
from governance.models import Action, Effect, Gate, Verdict
from orchestrator.models import Run
from orchestrator.runners.base import AgentRequest, AgentResult, Heartbeat, Proposal
from orchestrator.runners.registry import runners
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import escalation, resumption, turns
from tests.factories import governance
from tests.factories.governance import House, lines_in
from tests.factories.models import Play, calls, model_agent
from tests.factories.orchestrator import started, step, step_of, tries_of, work
from tests.orchestrator.services.escalating import admit
from tests.orchestrator.services.executing import lose_worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def sealed(home: House) -> Path:
    home.open.write_text("SEALED\n")
    return home.open


class Stubborn:
    """Proposes the same again, whatever it is told."""

    name, version = "stubborn", "1"

    def __init__(self, ledger: Path) -> None:
        self.ledger, self.asked = ledger, 0

    def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
        self.asked += 1
        wanted = Proposal("ledger.append", {"ledger": str(self.ledger), "line": "second"})
        return AgentResult(proposals=[wanted], conversation={"asked": self.asked})


def told(model: Any, question: int = -1) -> list[dict[str, Any]]:
    """Return what the model was told of its calls with a question."""
    body = model.asked[question].body
    said = [m["content"] for m in body.get("messages", ()) if m["role"] == "tool"]
    said += [m["output"] for m in body.get("input", ()) if m.get("type") == "function_call_output"]
    return [json.loads(text) for text in said]


def refused_in(run: Run) -> list[dict[str, Any]]:
    found = Event.objects.filter(type="step.call_refused", stream__object_id=str(run.pk))
    return [json.loads(event.payload.fields) for event in found.order_by("seq")]


def replays(run: Run) -> bool:
    return isinstance(replay(run.pk), Replayed)


def decide(home: House, verb: str) -> None:
    gate = Gate.objects.get()
    governance.review(gate, home.grace, verb, comment="Grace would rather not say why.")
    resumption.resume(gate_id=gate.pk)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_model_whose_call_policy_denies_is_told_and_may_do_its_work_another_way(
    home: House, play: Play, sealed: Path, api: str
) -> None:
    (sealed.parent / "late.txt").write_text("first\n")
    model = play(
        calls("second", ledger=sealed),
        calls("second", ledger=sealed.parent / "late.txt"),
        {"text": "Written elsewhere."},
    )
    model_agent(home, model, api=api)
    run = work(started(home, step("write", "clerk")))
    assert (run.state, lines_in(sealed), lines_in(sealed.parent / "late.txt")) == (
        "succeeded",
        0,
        1,
    )
    [refusal] = told(model, 1)
    assert refusal["trust"] == "workflow"
    assert refusal["refused"]["code"] == "policy_denied"
    assert refusal["refused"]["detail"].startswith("Policy denied the action.")
    assert Verdict.objects.filter(outcome="deny").count() == 1
    [event] = refused_in(run)
    assert event["action"] == str(Action.objects.get(verdicts__outcome="deny").pk)
    assert replays(run)


def test_of_two_calls_in_one_message_the_one_that_is_denied_keeps_the_other_from_nothing(
    home: House, play: Play, sealed: Path
) -> None:
    late = sealed.parent / "late.txt"
    late.write_text("first\n")
    both = calls("second", ledger=sealed)["calls"] + calls("third", ledger=late)["calls"]
    model = play({"calls": both}, {"text": "One of two."})
    model_agent(home, model)
    run = work(started(home, step("write", "clerk")))
    assert (run.state, lines_in(sealed), lines_in(late)) == ("succeeded", 0, 1)
    assert [set(one) for one in told(model)] == [{"trust", "refused"}, {"trust", "result"}]
    assert len(model.asked) == 2
    assert replays(run)


def test_a_model_whose_call_people_reject_is_told_so_but_not_who_or_why(
    home: House, play: Play
) -> None:
    model = play(calls("second", ledger=home.guarded), {"text": "Left as it was."})
    model_agent(home, model)
    run = work(started(home, step("write", "clerk")))
    decide(home, "reject")
    work(run)
    assert (run.state, lines_in(home.guarded), Effect.objects.count()) == ("succeeded", 0, 0)
    assert [one["refused"] for one in told(model)] == [
        {"code": "gate_rejected", "detail": "People rejected the action."}
    ]
    assert "Grace" not in json.dumps(model.asked[1].body)
    assert replays(run)


def test_a_rejection_that_the_file_follows_up_ends_the_step(home: House, play: Play) -> None:
    model = play(calls("second", ledger=home.guarded))
    model_agent(home, model)
    run = work(started(home, step("write", "clerk", on_reject="stop")))
    decide(home, "reject")
    run.refresh_from_db()
    assert (run.state, lines_in(home.guarded), len(model.asked)) == ("rejected", 0, 1)


@pytest.mark.parametrize(("declared", "most"), [({}, 3), ({"max_refusals": 1}, 1)])
def test_a_model_that_is_refused_too_often_is_left_to_a_person(
    home: House, play: Play, sealed: Path, declared: dict[str, Any], most: int
) -> None:
    model = play(calls("second", ledger=sealed, always=True))
    model_agent(home, model, **declared)
    run = work(started(home, step("write", "clerk")))
    assert (run.state, run.error_code) == ("escalated", "too_many_refusals")
    assert (len(model.asked), len(refused_in(run))) == (most, most)
    assert (lines_in(sealed), Effect.objects.count()) == (0, 0)
    assert replays(run)


def test_a_person_lets_a_refused_model_begin_again_and_it_is_told_both(
    home: House, play: Play, sealed: Path
) -> None:
    model = play(calls("second", ledger=sealed), {"text": "I will not."})
    model_agent(home, model, max_refusals=1)
    run = work(started(home, step("write", "clerk")))
    admit(home, home.ines)
    escalation.retry(
        run_id=run.pk, step_id=step_of(run, "write").pk, person=home.ines, reason="Leave it."
    )
    assert work(run).state == "succeeded"
    assert [one["refused"]["code"] for one in told(model)] == ["policy_denied"]
    assert "Leave it." in model.asked[1].body["messages"][-1]["content"]
    assert lines_in(sealed) == 0
    assert replays(run)


def test_a_call_of_a_tool_that_the_file_does_not_give_the_step_is_told_without_an_action(
    home: House, play: Play
) -> None:
    model = play(calls("second", ledger=home.open), {"text": "Not mine to write."})
    model_agent(home, model)
    other = step("write", "clerk", action="checkpoint.pass", effect={"class": "natural"})
    run = started(home, other)
    assert work(run).state == "succeeded"
    assert [one["refused"]["code"] for one in told(model)] == ["undeclared_action"]
    assert (Action.objects.count(), lines_in(home.open)) == (0, 0)
    assert tries_of(run, "write") == ["refused", "succeeded"]
    assert replays(run)


def test_a_call_about_what_cannot_be_established_is_told_as_the_tools_words(
    home: House, play: Play
) -> None:
    missing = home.open.with_name("missing.txt")
    model = play(
        calls("second", ledger=missing),
        calls("second", ledger=home.open),
        {"text": "In the other one."},
    )
    model_agent(home, model)
    run = work(started(home, step("write", "clerk")))
    assert (run.state, lines_in(home.open), missing.exists()) == ("succeeded", 1, False)
    [refusal] = told(model, 1)
    assert (refusal["trust"], refusal["refused"]["code"]) == ("external", "fact_unavailable")
    assert "missing.txt" in refusal["refused"]["detail"]
    assert tries_of(run, "write")[0] == "refused"
    assert replays(run)


def test_a_model_that_asks_for_the_impossible_again_and_again_is_left_to_a_person(
    home: House, play: Play
) -> None:
    model = play(calls("second", ledger=home.open.with_name("missing.txt"), always=True))
    model_agent(home, model)
    run = work(started(home, step("write", "clerk")))
    assert (run.state, run.error_code) == ("escalated", "too_many_refusals")
    assert (len(model.asked), len(refused_in(run)), Action.objects.count()) == (3, 3, 0)


@pytest.mark.parametrize(
    ("declared", "most"), [(None, 3), (10**9, 5), (0, 1), (-1, 1), ("many", 3), (True, 3)]
)
def test_no_configuration_of_any_runner_lifts_the_bound_of_refusals(
    home: House, sealed: Path, monkeypatch: pytest.MonkeyPatch, declared: Any, most: int
) -> None:
    stubborn = Stubborn(sealed)
    monkeypatch.setitem(runners(), "stubborn", (stubborn, "stubborn 1 (test)"))
    config = {} if declared is None else {"max_refusals": declared}
    governance.agent(
        home.domain, home.ada, home.sam, slug="clerk", runner="stubborn", runner_config=config
    )
    run = work(started(home, step("write", "clerk")))
    assert (run.state, run.error_code) == ("escalated", "too_many_refusals")
    assert (stubborn.asked, len(refused_in(run)), lines_in(sealed)) == (most, most, 0)


def test_a_worker_that_is_lost_after_a_refusal_repeats_neither_the_call_nor_the_refusal(
    home: House, play: Play, sealed: Path
) -> None:
    model = play(calls("second", ledger=sealed), {"text": "Not done."})
    model_agent(home, model)
    run = started(home, step("write", "clerk"))
    claim = turns.claimed(step_id=step_of(run, "write").pk, worker="first")
    assert claim is not None
    if turns.take(claim) is None:
        assert turns.claimed(step_id=claim.step_id, worker="first") is not None
    lose_worker()
    assert work(run).state == "succeeded"
    assert (len(model.asked), Action.objects.count(), len(refused_in(run))) == (2, 1, 1)
    assert replays(run)
