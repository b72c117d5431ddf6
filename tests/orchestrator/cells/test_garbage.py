"""Garbage from a model ends with a person, within the number of calls that the file declares."""

from collections.abc import Mapping
from typing import Any

import pytest

from governance.models import Agent
from orchestrator.models import Attempt, Run
from orchestrator.selectors.replays import Replayed, replay
from tests.factories import orchestrator as make
from tests.factories.governance import House
from tests.factories.orchestrator import step_of
from tests.orchestrator.cells.driving import begun, worked_off
from tests.orchestrator.cells.files import AGENTS, group_chat, magentic

ENVELOPE = {"to": "bob", "reason": "my part is done", "task": "go on"}


def answers(slug: str, **output: Any) -> None:
    """Let this agent say these things at every turn, whatever it is asked."""
    Agent.objects.filter(slug=slug).update(runner_config={"output": output})


def answers_at(slug: str, name: str, **output: Any) -> None:
    """Let this agent say these things whenever it is asked at a step of this name."""
    Agent.objects.filter(slug=slug).update(runner_config={"at": {name: output}})


def calls(run: Run, **which: Any) -> int:
    """Count how often agents were called."""
    return Attempt.objects.filter(step__run=run, kind="turn", **which).count()


def needs_a_person(run: Run, block: str, code: str) -> bool:
    """Whether the run stands where a person has to decide about the block, and replays."""
    row = step_of(run, block)
    stands = (run.state, row.state, row.error_code) == ("escalated", "escalated", code)
    return stands and isinstance(replay(run.pk), Replayed)


def claim(*, answer: bool) -> Mapping[str, Any]:
    return {"answer": answer, "reason": "so it is"}


def judged(*, satisfied: bool, **fields: Any) -> dict[str, Any]:
    """Return what a manager says of every round."""
    return {
        "is_request_satisfied": claim(answer=satisfied),
        "is_in_loop": claim(answer=False),
        "is_progress_being_made": claim(answer=True),
        "next": [] if satisfied else [{"item": "mend", "instruction": "mend it"}],
        **fields,
    }


@pytest.mark.parametrize("plan", ["nonsense", [], [{"id": "mend", "agent": "nobody"}]])
def test_a_task_ledger_that_cannot_be_used_is_asked_for_three_times(
    home: House, plan: Any
) -> None:
    answers("ann", plan=plan)
    run = worked_off(begun(home, "magentic"))
    assert run.state == "escalated"
    assert calls(run) == calls(run, step__agent__slug="ann") == 3


def test_a_progress_ledger_that_cannot_be_used_is_asked_for_three_times(home: House) -> None:
    answers_at("ann", "progress", is_in_loop="maybe", next={"item": 7})
    run = worked_off(begun(home, "magentic"))
    assert run.state == "escalated"
    assert calls(run, step__path="repair/progress") == 3
    assert calls(run) == 4
    assert not step_of(run, "close").started_at


def test_a_speaker_whom_nobody_knows_is_asked_about_three_times_and_never_gets_the_floor(
    home: House,
) -> None:
    [chat, close] = group_chat()
    chat["speaker"] = {"by": "manager", "agent": "cid"}
    chat["participants"] = ["ann", "bob"]
    answers("cid", speaker="mallory")
    agents = {slug: {"ref": f"{slug}@1"} for slug in AGENTS}
    run = worked_off(make.started(home, chat, close, agents=agents))
    assert needs_a_person(run, "talk", "no_speaker_chosen")
    assert calls(run) == calls(run, step__agent__slug="cid") == 3


def test_two_handoffs_in_one_turn_are_sent_back_twice_and_then_a_person_decides(
    home: House,
) -> None:
    answers("ann", handoff=[ENVELOPE, {**ENVELOPE, "to": "cid"}])
    run = worked_off(begun(home, "handoff"))
    assert needs_a_person(run, "ship", "several_handoffs")
    assert calls(run) == calls(run, step__agent__slug="ann") == 3


def test_a_manager_that_always_goes_on_ends_at_its_last_round(home: House) -> None:
    answers_at("ann", "progress", **judged(satisfied=False))
    run = worked_off(begun(home, "magentic"))
    limits = magentic()[0]["limits"]
    assert step_of(run, "repair").state == run.state == "escalated"
    assert calls(run, step__path="repair/progress") <= limits["max_rounds"]
    plans = (1 + limits["max_replans"]) * (1 + limits["max_ledger_retries"])
    assert calls(run, step__path="repair/plan") <= plans
    assert calls(run) <= plans + 2 * limits["max_rounds"]
    assert isinstance(replay(run.pk), Replayed)


def test_a_chat_that_never_comes_to_a_proposal_ends_at_its_last_round(home: House) -> None:
    for slug in AGENTS:
        answers(slug, kind="message", text=f"{slug} goes on and on")
    [chat, close] = group_chat()
    agents = {slug: {"ref": f"{slug}@1"} for slug in AGENTS}
    run = worked_off(make.started(home, chat, close, agents=agents))
    assert step_of(run, "talk").state == run.state == "escalated"
    turns = len(AGENTS) * chat["terminate"]["max_rounds"]
    assert calls(run, step__path="talk/turn") <= turns
    assert calls(run) <= turns + len(AGENTS) * chat["terminate"]["max_rounds"]
    assert isinstance(replay(run.pk), Replayed)


def test_a_manager_that_always_says_satisfied_is_not_believed(home: House) -> None:
    [team, close] = magentic()
    team["success_criteria"][0]["expression"] = "has(outputs.bob) && outputs.bob.by == 'cid'"
    answers_at("ann", "progress", **judged(satisfied=True))
    agents = {slug: {"ref": f"{slug}@1"} for slug in AGENTS}
    run = worked_off(make.started(home, team, close, agents=agents))
    limits = team["limits"]
    assert step_of(run, "repair").state == run.state == "escalated"
    assert calls(run, step__path="repair/progress") <= limits["max_rounds"]
    plans = (1 + limits["max_replans"]) * (1 + limits["max_ledger_retries"])
    assert calls(run) <= plans + 2 * limits["max_rounds"]
    [criterion] = step_of(run, "repair").output["criteria"]
    assert criterion["met"] is False
    assert isinstance(replay(run.pk), Replayed)
