import json

import pytest

from governance.models import Effect, Exhibit, Gate
from orchestrator.models import Attempt, Run
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.governance import House
from tests.factories.orchestrator import step_of
from tests.orchestrator.cells.approving import people_are_asked
from tests.orchestrator.cells.driving import worked_off
from tests.orchestrator.cells.files import INPUTS, handoff


def gated(home: House) -> Run:
    [chain, close] = handoff()
    chain["gates"] = {"bob": {"cid": "May it be shipped?"}}
    agents = {slug: {"ref": f"{slug}@1"} for slug in ("ann", "bob", "cid")}
    saved = make.workflow(home, chain, close, agents=agents)
    return worked_off(make.start(saved, home.ines, INPUTS))


def test_a_gate_on_an_edge_asks_people_without_an_agents_turn(home: House) -> None:
    people_are_asked(home)
    run = gated(home)
    assert run.state == "waiting"
    approval = step_of(run, "ship/approval")
    assert (approval.kind, approval.state, approval.alias) == (
        "approval",
        "awaiting_approval",
        "bob",
    )
    gate = Gate.objects.select_related("action").get()
    assert gate.action.step_path == "ship/approval"
    assert gate.action.rationale == "May it be shipped?"
    assert json.loads(gate.action.envelope["arguments"]["plan"])["to"] == "cid"
    assert Exhibit.objects.get(kind="plan").content["question"] == "May it be shipped?"
    assert Attempt.objects.get(step=approval).runner == ""


def test_what_people_approve_goes_on(home: House) -> None:
    people_are_asked(home)
    run = gated(home)
    governance.review(Gate.objects.get(), home.grace)
    assert sweep().resumed == 1
    worked_off(run)
    assert run.state == "succeeded"
    assert step_of(run, "ship/approval").state == "succeeded"
    assert isinstance(replay(run.pk), Replayed)


def test_what_people_reject_ends_the_block_and_the_run(home: House) -> None:
    people_are_asked(home)
    run = gated(home)
    governance.review(Gate.objects.get(), home.grace, "reject", comment="Not on a Friday.")
    assert sweep().resumed == 1
    worked_off(run)
    assert (run.state, run.error_detail) == (
        "rejected",
        "Grace rejected the action: Not on a Friday.",
    )
    assert step_of(run, "ship").state == "rejected"
    assert not Effect.objects.exists()
    assert isinstance(replay(run.pk), Replayed)


@pytest.mark.usefixtures("home")
def test_without_the_tool_nothing_is_approved(home: House) -> None:
    run = gated(home)
    assert (run.state, run.error_code) == ("escalated", "not_approved")
    assert isinstance(replay(run.pk), Replayed)
