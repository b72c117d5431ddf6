import json
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.models import Event
from governance.models import Effect, Exhibit, Gate
from governance.services import tools
from orchestrator.models import Run, Step
from orchestrator.runners import checkpoint
from orchestrator.runners.base import AgentRequest, AgentResult, FoundExhibit, Heartbeat
from orchestrator.runners.registry import runners
from orchestrator.selectors.replays import Replayed, replay
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


def careless(home: House, monkeypatch: pytest.MonkeyPatch, *answers: dict[str, int]) -> list[Any]:
    """Register an agent that gives these answers one after another, and return its tasks."""
    left = list(answers)
    tasks: list[Any] = []

    class Careless:
        name, version = "careless", "1"

        def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
            tasks.append(dict(request.task))
            found = FoundExhibit("Findings", "findings", {"n": left[0]["major"]}, "")
            return AgentResult(output=left.pop(0), exhibits=[found])

    monkeypatch.setitem(runners(), "careless", (Careless(), "careless 1"))
    people = (home.domain, home.ada, home.sam)
    governance.agent(*people, slug="hasty", name="Hasty", runner="careless", runner_config={})
    return tasks


def rested(run: Run) -> Run:
    Step.objects.filter(run=run, state="backoff").update(not_before=Now())
    sweep()
    return make.work(run)


def test_a_checkpoint_that_retries_tells_the_agent_why_until_it_holds(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = careless(home, monkeypatch, {"major": 2}, {"major": 0})
    run = started(home, step("style", "hasty", checkpoint=[{**RULE, "route": "retry"}]))
    make.work(run)
    assert states_of(run) == {"style": "backoff"}
    assert not Exhibit.objects.exists()
    assert rested(run).state == "succeeded"
    assert tasks[1]["error"] == {"code": "checkpoint_failed", "detail": "Major findings."}
    assert make.tries_of(run, "style") == ["failed", "succeeded"]
    told = recorded(f"run:{run.pk}")
    assert told.index("checkpoint.retried") < told.index("checkpoint.held")
    assert isinstance(replay(run.pk), Replayed)


def test_a_checkpoint_that_never_holds_ends_with_a_person_after_the_last_try(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless(home, monkeypatch, *[{"major": 1}] * 3)
    rule = {**RULE, "route": "retry"}
    run = started(home, step("style", "hasty", checkpoint=[rule]), step("next", "hasty"))
    make.work(run)
    for _try in range(2):
        rested(run)
    style = step_of(run, "style")
    assert (style.state, style.error_code) == ("escalated", "checkpoint_failed")
    assert states_of(run)["next"] == "blocked"


def test_a_checkpoint_for_a_human_leaves_the_step_to_one(home: House) -> None:
    make.agent(home, "style", output={"major": 2})
    make.agent(home, "scan")
    rule = {**RULE, "route": "human"}
    run = started(home, step("style", "style", checkpoint=[rule]), step("scan", "scan"))
    make.work(run)
    assert (run.state, step_of(run, "style").error_detail) == ("escalated", "Major findings.")
    assert states_of(run) == {"style": "escalated", "scan": "blocked"}
    assert not Gate.objects.exists()
    assert isinstance(replay(run.pk), Replayed)


def test_the_gravest_route_of_several_decides(home: House) -> None:
    make.agent(home, "style", output={"major": 2})
    rules = [{**RULE, "route": route} for route in ("postpone", "retry", "stop", "human")]
    run = started(home, step("style", "style", checkpoint=rules))
    make.work(run)
    assert (run.state, run.error_code) == ("failed", "checkpoint_failed")


def test_a_checkpoint_reads_what_the_agent_attached(home: House) -> None:
    found = {"name": "Findings", "kind": "findings", "content": {"n": 3}, "subject": ""}
    make.agent(home, "style", exhibits=[found])
    rule = {**RULE, "require": "exhibits.all(e, e.content.n == 0)", "route": "stop"}
    run = started(home, step("style", "style", checkpoint=[rule]))
    assert make.work(run).error_code == "checkpoint_failed"
    good = {**rule, "require": "exhibits.exists(e, e.kind == 'findings' && e.content.n == 3)"}
    assert make.work(started(home, step("style", "style", checkpoint=[good]))).state == "succeeded"


@pytest.mark.parametrize(("route", "ending"), [("stop", "failed"), ("human", "escalated")])
def test_the_checkpoint_of_a_block_judges_what_it_came_to(
    home: House, route: str, ending: str
) -> None:
    make.agent(home, "scan", output={"found": 1})
    branch = {"agent": "scan", "timeouts": {"start_to_close": "30s"}}
    rule = {"require": "outputs.counts.succeeded == 3", "message": "Two only.", "route": route}
    fan = {
        "id": "fan",
        "pattern": "concurrent",
        "branches": {"left": branch, "right": branch},
        "checkpoint": [rule],
    }
    run = started(home, fan, step("next", "scan"), agents={"scan": {"ref": "scan@1"}})
    make.work(run)
    assert (run.state, run.error_code) == (ending, "checkpoint_failed")
    assert step_of(run, "fan").error_detail == "Two only."
    assert isinstance(replay(run.pk), Replayed)


def test_every_decision_says_who_decided(home: House, run: Run) -> None:
    gate = Gate.objects.get()
    governance.review(gate, home.grace)
    events = Event.objects.filter(
        type__in=("checkpoint.postponed", "verdict.given", "gate.decided")
    ).select_related("payload")
    deciders = {event.type: json.loads(event.payload.fields)["decider"] for event in events}
    assert deciders == {
        "checkpoint.postponed": "rule",
        "verdict.given": "rule",
        "gate.decided": "human",
    }
    make.work(run)
    assert isinstance(replay(run.pk), Replayed)
