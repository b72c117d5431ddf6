from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from governance.models import Agent
from orchestrator.models import Run
from tests.factories import orchestrator as make
from tests.factories.audit import recorded, size_of_the_log
from tests.factories.governance import House
from tests.factories.orchestrator import started, step, step_of
from tests.orchestrator.services.escalating import escalated, operated


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return operated(tmp_path)


@pytest.fixture
def run(home: House) -> Run:
    make.agent(home, "style")
    return started(home, step("a", "style"))


@pytest.fixture
def api(home: House) -> APIClient:
    client = APIClient()
    client.force_login(home.grace)
    return client


def post(api: APIClient, run: Run, what: str, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = api.post(f"/api/v1/runs/{run.pk}/{what}/", {"reason": "Because.", **body})
    return answer.status_code, answer.json()


def test_a_run_is_paused_resumed_and_cancelled(api: APIClient, run: Run) -> None:
    status, paused = post(api, run, "pause", mode="now")
    assert (status, paused["state"]) == (200, "paused")
    assert (paused["held_by"], paused["held_why"]) == ("Grace", "Because.")
    status, resumed = post(api, run, "resume")
    assert (status, resumed["state"], resumed["held_by"]) == (200, "running", "")
    status, cancelled = post(api, run, "cancel")
    assert (status, cancelled["state"], cancelled["rollback"]) == (200, "cancelled", "not_needed")
    assert post(api, run, "cancel")[1]["seq"] == cancelled["seq"]


def test_what_is_illegal_is_a_conflict_and_recorded(api: APIClient, run: Run) -> None:
    assert post(api, run, "resume")[0] == 409
    status, problem = post(api, run, "escalations", verb="retry", step=str(_id(run, "a")))
    assert (status, problem["code"]) == (409, "not_escalated")
    assert recorded(f"run:{run.pk}")[-2:] == ["run.refused", "run.refused"]


def _id(run: Run, path: str) -> Any:
    return step_of(run, path).pk


def test_a_step_is_given_to_another_agent(api: APIClient, home: House) -> None:
    run = escalated(home)
    other = Agent.objects.get(slug="other")
    body = {"verb": "reroute", "step": str(_id(run, "look")), "agent": str(other.pk)}
    status, answered = post(api, run, "escalations", **body)
    assert (status, answered["state"]) == (200, "running")
    assert answered["steps"][0]["agent"] == "Other"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verb": "approve"},
        {"verb": "retry"},
        {"verb": "reroute"},
        {"verb": "supply_output", "output": "text"},
        {"verb": "reconcile"},
        {"verb": "retry", "reason": ""},
        {"verb": "retry", "force": True},
    ],
)
def test_a_verb_that_is_not_complete_changes_nothing(
    api: APIClient, home: House, body: dict[str, Any]
) -> None:
    run = escalated(home)
    before = size_of_the_log()
    if body.get("verb") not in {"retry", "approve"} or "force" in body:
        body["step"] = str(_id(run, "look"))
    status, problem = post(api, run, "escalations", **body)
    assert status == 422, problem
    assert problem["errors"]
    assert size_of_the_log() == before


@pytest.mark.parametrize("what", ["cancel", "pause", "resume", "escalations"])
def test_runs_of_other_domains_do_not_exist(home: House, run: Run, what: str) -> None:
    client = APIClient()
    client.force_login(home.mallory)
    before = size_of_the_log()
    assert post(client, run, what, **_complete(what))[0] == 404
    assert size_of_the_log() == before


def _complete(what: str) -> dict[str, str]:
    return {"verb": "retry", "step": str(uuid4())} if what == "escalations" else {}


@pytest.mark.parametrize("what", ["cancel", "pause"])
def test_a_reviewer_who_operates_nothing_may_not(home: House, run: Run, what: str) -> None:
    client = APIClient()
    client.force_login(home.ada)
    status, problem = post(client, run, what)
    assert (status, problem["code"]) == (403, "permission_missing")
    run.refresh_from_db()
    assert run.state == "running"


def test_a_packet_says_what_failed_how_it_changed_what_is_open_and_what_it_cost(
    api: APIClient, home: House
) -> None:
    run = escalated(home)
    look = step_of(run, "look")
    for number, (code, detail) in enumerate(
        [("boom", "line one"), ("boom", "line two"), ("boom", "line two")], start=1
    ):
        look.tries.create(
            number=number,
            epoch=number,
            worker="w",
            outcome="failed",
            error_code=code,
            error_detail=detail,
            cost_micro_usd=1000,
        )
    answer = api.get(f"/api/v1/runs/{run.pk}/escalations/")
    [packet] = answer.json()
    assert (packet["step"], packet["path"]) == (str(look.pk), "look")
    assert [failure["error_detail"] for failure in packet["failures"]] == [
        "line one",
        "line two",
        "line two",
    ]
    first, second = packet["changes"]
    assert first == {"before": 1, "after": 2, "lines": ["- line one", "+ line two"]}
    assert second["lines"] == []
    assert packet["open_effects"] == []
    assert packet["spent"] == {"attempts": 3, "cost_micro_usd": 3000}
    assert packet["stakes"] == {"undone": [], "kept": []}
    assert "retry" in packet["verbs"]
