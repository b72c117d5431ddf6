from pathlib import Path
from typing import Any

import pytest

from governance.models import Gate
from orchestrator.models import Run, StateEntry
from orchestrator.runners.base import AgentRequest, AgentResult, Heartbeat
from orchestrator.runners.registry import runners
from orchestrator.selectors.replays import Replayed, replay
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House, house
from tests.factories.orchestrator import started, states_of, step, step_of, work
from tests.orchestrator.services.proposing import append

pytestmark = pytest.mark.django_db
TURN = {"start_to_close": "30s"}
FINDINGS = {"type": {"type": "object", "required": ["rule"]}, "reducer": "append"}


@pytest.fixture
def home(tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture
def asked(home: House, monkeypatch: pytest.MonkeyPatch) -> list[AgentRequest]:
    requests: list[AgentRequest] = []

    class Listening:
        name, version = "listening", "1"

        def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
            requests.append(request)
            return AgentResult()

    monkeypatch.setitem(runners(), "listening", (Listening(), "listening 1"))
    governance.agent(
        home.domain,
        home.ada,
        home.sam,
        slug="listener",
        name="L",
        runner="listening",
        runner_config={},
    )
    return requests


def replays(run: Run) -> bool:
    return isinstance(replay(run.pk), Replayed)


def test_what_one_step_writes_another_sees_with_author_trust_and_classification(
    home: House, asked: list[AgentRequest]
) -> None:
    make.agent(home, "scan", output={"findings": {"rule": "B1"}})
    run = started(
        home,
        step("scan", "scan", writes=["findings"]),
        step("read", "listener", context=["state.findings"]),
        state={"findings": {**FINDINGS, "classification": "confidential"}},
    )
    assert work(run).state == "succeeded"
    [request] = asked
    assert request.context["steps"] == {}
    assert request.context["state"] == {
        "findings": {
            "value": [{"rule": "B1"}],
            "entries": [
                {
                    "value": {"rule": "B1"},
                    "author": "scan@1",
                    "trust": "agent",
                    "classification": "confidential",
                    "step": "scan",
                }
            ],
        }
    }
    assert recorded(f"run:{run.pk}").count("state.written") == 1
    assert replays(run)


def test_a_step_sees_no_state_unless_its_context_says_so(
    home: House, asked: list[AgentRequest]
) -> None:
    make.agent(home, "scan", output={"findings": {"rule": "B1"}})
    scan = step("scan", "scan", writes=["findings"])
    run = started(home, scan, step("read", "listener"), state={"findings": FINDINGS})
    work(run)
    [request] = asked
    assert "state" not in request.context
    assert request.context["steps"]["scan"] == {
        "outputs": {"findings": {"rule": "B1"}},
        "author": "scan@1",
        "trust": "agent",
    }


def test_conditions_and_success_read_the_state_and_the_run_replays(home: House) -> None:
    make.agent(home, "scan", output={"count": 2})
    make.agent(home, "mend")
    fan = {
        "id": "scans",
        "pattern": "concurrent",
        "foreach": {"in": "[1, 2, 3]", "as": "n", "cap": 3},
        "do": {"agent": "scan", "timeouts": TURN, "writes": ["count"]},
    }
    run = started(
        home,
        fan,
        step("mend", "mend", when="state.count > 5", **{"with": {"n": "{{ state.count }}"}}),
        step("rest", "mend", when="state.count > 6"),
        agents={"scan": {"ref": "scan@1"}, "mend": {"ref": "mend@1"}},
        state={"count": {"type": {"type": "integer"}, "reducer": "sum"}},
        success=["state.count == 6"],
    )
    assert work(run).state == "succeeded"
    assert states_of(run)["rest"] == "skipped"
    assert step_of(run, "mend").output == {"n": 6}
    assert replays(run)


def test_an_answer_that_does_not_fit_the_type_is_not_kept_and_the_agent_is_told(
    home: House,
) -> None:
    make.agent(home, "scan", output={"findings": "none"})
    run = started(home, step("scan", "scan", writes=["findings"]), state={"findings": FINDINGS})
    work(run)
    scan = step_of(run, "scan")
    assert (scan.state, scan.error_code) == ("backoff", "invalid_answer")
    assert "findings" in scan.error_detail
    assert not StateEntry.objects.exists()


def rivals(**when: str) -> dict[str, Any]:
    write = {"agent": "scan", "timeouts": TURN, "writes": ["best"], **when}
    return {"id": "both", "pattern": "concurrent", "branches": {"left": write, "right": write}}


def test_a_second_branch_that_would_replace_a_key_ends_in_a_conflict(home: House) -> None:
    make.agent(home, "scan", output={"best": 1})
    run = started(
        home,
        rivals(when="inputs.go"),
        agents={"scan": {"ref": "scan@1"}},
        state={"best": {"type": {}, "reducer": "replace"}},
        inputs={"type": "object", "properties": {"go": {"default": True}}},
    )
    work(run)
    [loser] = run.steps.filter(path__startswith="both/", error_code="state_conflict")
    assert loser.state == "failed"
    assert StateEntry.objects.count() == 1
    assert run.state == "failed"
    assert replays(run)


def test_what_an_approved_step_answered_is_written_once_its_effect_is_done(home: House) -> None:
    make.agent(home, "clerk", output={"note": "done"}, proposals=[append(home.open)])
    run = started(
        home,
        step("write", "clerk", writes=["note"]),
        state={"note": {"type": {"type": "string"}, "reducer": "replace"}},
        success=["state.note == 'done'"],
    )
    assert work(run).state == "succeeded", run.error_detail
    assert not Gate.objects.exists()
    assert StateEntry.objects.get().value == "done"
