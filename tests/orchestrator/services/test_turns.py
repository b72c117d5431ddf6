from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.models import Event
from governance.models import Exhibit, Gate
from orchestrator.models import AttemptKind, Step
from orchestrator.runners.base import AgentFailedError, AgentRequest, AgentResult, Heartbeat
from orchestrator.runners.registry import runners
from orchestrator.services import claims, turns
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import AppendFailedError, failing_append, recorded
from tests.factories.governance import House, house
from tests.factories.orchestrator import drive, started, states_of, step, step_of, tries_of
from tests.orchestrator.services.proposing import append

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> House:
    return house(tmp_path)


def test_one_worker_drives_the_run_from_its_first_step_to_success(home: House) -> None:
    make.agent(home, "style", output={"clean": True})
    make.agent(home, "scan", output={"found": 0})
    run = started(
        home,
        step("style", "style"),
        step("scan", "scan"),
        success=["steps.style.outputs.clean", "steps.scan.outputs.found == 0"],
    )
    assert states_of(run) == {"style": "ready", "scan": "blocked"}
    assert drive(run, "style") == 2
    run.refresh_from_db()
    assert run.state == "succeeded"
    assert run.finished_at is not None
    assert states_of(run) == {"style": "succeeded", "scan": "succeeded"}
    assert recorded(f"run:{run.pk}") == [
        "run.started",
        "step.ready",
        "step.started",
        "step.succeeded",
        "step.ready",
        "step.started",
        "step.succeeded",
        "run.succeeded",
    ]


def test_a_run_whose_success_does_not_hold_has_failed_and_says_what(home: House) -> None:
    make.agent(home, "scan", output={"found": 3})
    run = started(home, step("scan", "scan"), success=["steps.scan.outputs.found == 0"])
    drive(run, "scan")
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "success_not_met")
    assert "steps.scan.outputs.found == 0" in run.error_detail


def test_a_step_gets_what_its_with_says_and_sees_only_its_predecessor(
    home: House, asked: list[AgentRequest]
) -> None:
    make.agent(home, "first", output={"secret": 1})
    make.agent(home, "second", output={"n": 2})
    listener(home, "third")
    run = make.start(
        make.workflow(
            home,
            step("first", "first"),
            step("second", "second"),
            step("third", "third", **{"with": {"n": "{{ steps.second.outputs.n }}"}}),
        ),
        home.ines,
        {"repo": "here"},
    )
    drive(run, "first")
    [request] = asked
    assert request.inputs == {"n": 2}
    assert request.context["inputs"] == {"repo": "here"}
    seen = {path: seen["outputs"] for path, seen in request.context["steps"].items()}
    assert seen == {"second": {"repo": "here", "n": 2}}
    assert request.idempotency_key == f"{run.pk}/third#0"


def test_an_exhibit_of_an_agent_is_kept_as_the_agents_word(home: House) -> None:
    found = {"name": "Findings", "kind": "findings", "content": {"n": 1}, "subject": "abc"}
    make.agent(home, "scan", exhibits=[found])
    run = started(home, step("scan", "scan"))
    drive(run, "scan")
    exhibit = Exhibit.objects.get(run_id=run.pk)
    assert (exhibit.name, exhibit.trust, exhibit.step_path) == ("Findings", "agent", "scan")


@pytest.mark.parametrize(
    "exhibits",
    [
        [{"name": "N", "kind": "findings", "content": {"n": 1}}] * 21,
        [{"name": "N", "kind": "findings", "content": {"text": "x" * 600_000}}] * 2,
    ],
    ids=["too many", "too large"],
)
def test_a_turn_that_attaches_too_much_fails_and_keeps_nothing(
    home: House, exhibits: list[dict[str, Any]]
) -> None:
    make.agent(home, "scan", exhibits=exhibits)
    run = started(home, step("scan", "scan"))
    drive(run, "scan")
    scan = step_of(run, "scan")
    assert scan.error_code == "too_much_attached"
    assert "Agents may attach 20 exhibits of 1,000,000 bytes" in scan.error_detail
    assert not Exhibit.objects.exists()
    assert "exhibit.attached" not in recorded(f"run:{run.pk}")


def test_a_checkpoint_that_stops_ends_the_run_before_the_next_step(home: House) -> None:
    make.agent(home, "style", output={"critical": 2})
    make.agent(home, "scan")
    rule = {"require": "outputs.critical == 0", "message": "Critical finding.", "route": "stop"}
    run = started(home, step("style", "style", checkpoint=[rule]), step("scan", "scan"))
    drive(run, "style")
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "checkpoint_failed")
    assert run.error_detail == "Critical finding."
    assert states_of(run) == {"style": "failed", "scan": "cancelled"}
    assert not Gate.objects.exists()


def test_a_checkpoint_that_cannot_be_evaluated_does_not_hold(home: House) -> None:
    make.agent(home, "style", output={})
    rule = {"require": "outputs.critical == 0", "message": "No answer.", "route": "stop"}
    run = started(home, step("style", "style", checkpoint=[rule]))
    drive(run, "style")
    run.refresh_from_db()
    assert run.error_detail == "No answer."


def test_an_agent_that_proposes_suspends_its_step_and_the_run_waits(home: House) -> None:
    make.agent(home, "clerk", output={"why": "tidy"}, proposals=[append(home.guarded)])
    run = started(home, step("write", "clerk"))
    drive(run, "write")
    run.refresh_from_db()
    write = step_of(run, "write")
    assert (run.state, write.state) == ("waiting", "awaiting_approval")
    assert write.held_output == {"why": "tidy"}
    assert write.lease_owner == ""
    assert Gate.objects.get().action_id == write.action_id
    assert tries_of(run, "write") == ["proposed"]
    assert home.guarded.read_text() == "first\n"


def test_an_action_that_policy_denies_fails_the_step_and_the_run(home: House) -> None:
    home.open.write_text("SEALED\n")
    make.agent(home, "clerk", proposals=[append(home.open)])
    run = started(home, step("write", "clerk"))
    drive(run, "write")
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "policy_denied")
    assert run.error_detail == "Policy denied the action. Sealed ledger."


def test_a_proposal_with_wrong_arguments_fails_the_step(home: House) -> None:
    make.agent(home, "clerk", proposals=[{"tool": "ledger.append", "arguments": {"x": 1}}])
    run = started(home, step("write", "clerk"))
    drive(run, "write")
    assert step_of(run, "write").error_code == "invalid_arguments"
    assert not Gate.objects.exists()


def test_an_agent_may_propose_one_action_in_a_turn(home: House) -> None:
    make.agent(home, "clerk", proposals=[append(home.guarded), append(home.open)])
    run = started(home, step("write", "clerk"))
    drive(run, "write")
    assert step_of(run, "write").error_code == "too_many_proposals"
    assert not Gate.objects.exists()


def test_a_failed_attempt_rests_twice_and_the_third_asks_a_person(
    home: House, broken: None
) -> None:
    listener(home, "flaky", "broken")
    run = started(home, step("try", "flaky"))
    for expected in ("backoff", "backoff"):
        drive(run, "try")
        resting = step_of(run, "try")
        assert resting.state == expected
        rest_over(resting)
    drive(run, "try")
    run.refresh_from_db()
    assert (run.state, step_of(run, "try").state) == ("escalated", "escalated")
    assert tries_of(run, "try") == ["failed", "failed", "failed"]


def test_a_step_that_says_stop_fails_instead_of_asking(home: House, broken: None) -> None:
    listener(home, "flaky", "broken")
    limits = {"deadline": "1h", "max_attempts": 1}
    run = started(home, step("try", "flaky", on_failure="stop"), limits=limits)
    drive(run, "try")
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "flaky")


def test_a_resting_step_cannot_be_claimed_before_its_time(home: House, broken: None) -> None:
    listener(home, "flaky", "broken")
    run = started(home, step("try", "flaky"))
    drive(run, "try")
    assert drive(run, "try") == 0


def test_a_suspended_agent_takes_no_turn(home: House) -> None:
    clerk = make.agent(home, "clerk")
    run = started(home, step("write", "clerk"))
    type(clerk).objects.filter(pk=clerk.pk).update(lifecycle="suspended")
    drive(run, "write")
    assert step_of(run, "write").error_code == "agent_not_active"


def test_an_unknown_runner_fails_the_step(home: House) -> None:
    listener(home, "clerk", "nobody")
    run = started(home, step("write", "clerk"))
    drive(run, "write")
    assert step_of(run, "write").error_code == "unknown_runner"


def test_what_cannot_be_worked_out_for_an_agent_fails_its_step(home: House) -> None:
    make.agent(home, "clerk")
    run = started(home, step("write", "clerk", **{"with": {"a": "{{ inputs.missing }}"}}))
    drive(run, "write")
    assert step_of(run, "write").error_code == "with"


def test_a_worker_that_lost_its_claim_changes_nothing(home: House) -> None:
    make.agent(home, "clerk", output={"a": 1}, proposals=[append(home.guarded)])
    run = started(home, step("write", "clerk"))
    pk = step_of(run, "write").pk
    claim = claims.claim(step_id=pk, kind=AttemptKind.TURN, worker="slow:1")
    assert claim is not None
    Step.objects.filter(pk=pk).update(lease_expires_at=Now())
    assert sweep().reclaimed == 1
    events = Event.objects.count()
    assert turns.take(claim) is None
    assert tries_of(run, "write") == ["stale"]
    assert (step_of(run, "write").state, step_of(run, "write").crash_count) == ("ready", 1)
    assert not Gate.objects.exists()
    assert Event.objects.count() == events + 1


def test_a_turn_whose_event_cannot_be_written_is_not_taken_over(home: House) -> None:
    make.agent(
        home, "clerk", output={"a": 1}, exhibits=[{"name": "n", "kind": "k", "content": {}}]
    )
    run = started(home, step("write", "clerk"), step("next", "clerk"))
    claim = claims.claim(step_id=step_of(run, "write").pk, kind=AttemptKind.TURN, worker="test:1")
    assert claim is not None
    with failing_append(), pytest.raises(AppendFailedError):
        turns.take(claim)
    assert states_of(run) == {"write": "running", "next": "blocked"}
    assert not Exhibit.objects.exists()
    assert turns.take(claim) is not None


def listener(home: House, slug: str, runner: str = "listening") -> None:
    governance.agent(
        home.domain, home.ada, home.sam, slug=slug, name=slug, runner=runner, runner_config={}
    )


def rest_over(resting: Step) -> None:
    Step.objects.filter(pk=resting.pk).update(not_before=Now())
    assert sweep().woken == 1


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[AgentRequest]:
    requests: list[AgentRequest] = []

    class Listening:
        name, version = "listening", "1"

        def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
            requests.append(request)
            return AgentResult()

    monkeypatch.setitem(runners(), "listening", (Listening(), "listening 1"))
    return requests


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        name, version = "broken", "1"

        def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
            raise AgentFailedError("flaky", "It did not work.", retryable=True)

    monkeypatch.setitem(runners(), "broken", (Broken(), "broken 1"))
