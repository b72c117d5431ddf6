from pathlib import Path

import pytest

from governance.models import Effect, Gate
from governance.services import tools
from orchestrator.models import Run
from orchestrator.runners import checkpoint
from orchestrator.services import execution
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House, house
from tests.factories.orchestrator import TESTER, drive, started, states_of, step, step_of

RULE = {"require": "outputs.major == 0", "message": "Major findings.", "route": "postpone"}
PASS = """
@id("permit.checkpoint") @tier("permit")
permit (principal, action == Countersign::Action::"checkpoint.pass", resource);

@id("gate.checkpoint") @tier("gate") @reason("checkpoint_postponed")
@quorum("1") @group("maintainers") @decide_within("PT4H") @valid_for("PT10M")
forbid (principal, action == Countersign::Action::"checkpoint.pass", resource);
"""


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    home = house(tmp_path)
    governance.bundle(home.domain, governance.POLICIES + PASS)
    tools.register(
        slug=checkpoint.SLUG,
        name=checkpoint.NAME,
        description=checkpoint.DESCRIPTION,
        schema=checkpoint.SCHEMA,
        risk="medium",
        reversibility="read_only",
        actor=TESTER,
        domain=home.domain,
    )
    return home


@pytest.fixture
def run(home: House) -> Run:
    make.agent(home, "style", output={"major": 2})
    make.agent(home, "scan")
    run = started(home, step("style", "style", checkpoint=[RULE]), step("scan", "scan"))
    drive(run, "style")
    return run


def test_a_checkpoint_that_postpones_asks_people_before_the_next_step(run: Run) -> None:
    run.refresh_from_db()
    assert run.state == "waiting"
    assert states_of(run) == {"style": "awaiting_approval", "scan": "blocked"}
    assert "checkpoint.postponed" in recorded(f"run:{run.pk}")
    gate = Gate.objects.get()
    assert gate.sentence == "Let the run go on after step “style”"
    assert gate.action.rationale == "Major findings."


def test_an_approved_checkpoint_commits_the_output_it_held_and_the_run_goes_on(
    home: House, run: Run
) -> None:
    governance.review(Gate.objects.get(), home.grace)
    assert sweep().resumed == 1
    assert execution.execute(step_id=step_of(run, "style").pk, worker="effects:1")
    style = step_of(run, "style")
    assert (style.state, style.output) == ("succeeded", {"major": 2})
    assert Effect.objects.get().state == "succeeded"
    drive(run, "scan")
    run.refresh_from_db()
    assert run.state == "succeeded"


def test_a_rejected_checkpoint_ends_the_run(home: House, run: Run) -> None:
    governance.review(Gate.objects.get(), home.grace, "reject", comment="Fix them first.")
    assert sweep().resumed == 1
    run.refresh_from_db()
    assert (run.state, run.error_detail) == (
        "rejected",
        "Grace rejected the action: Fix them first.",
    )
    assert states_of(run) == {"style": "rejected", "scan": "cancelled"}
    assert not Effect.objects.exists()


def test_without_a_policy_that_permits_it_nothing_passes(home: House) -> None:
    governance.bundle(home.domain)
    make.agent(home, "style", output={"major": 2})
    run = started(home, step("style", "style", checkpoint=[RULE]))
    drive(run, "style")
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "policy_denied")


def test_a_checkpoint_that_holds_lets_the_run_go_on_by_itself(home: House) -> None:
    make.agent(home, "style", output={"major": 0})
    run = started(home, step("style", "style", checkpoint=[RULE]))
    drive(run, "style")
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert "checkpoint.held" in recorded(f"run:{run.pk}")
    assert not Gate.objects.exists()
