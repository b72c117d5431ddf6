"""Agents that are web services, against a real one on this machine."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db.models.functions import Now
from pytest_django import Settings
from rest_framework.response import Response
from rest_framework.test import APIClient

from governance.models import Action, Agent
from governance.services import agents
from orchestrator.models import Run, Step
from orchestrator.runners.registry import runner_for
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import cancellation
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories.audit import recorded
from tests.factories.governance import House, house, lines_in
from tests.factories.orchestrator import drive, started, step, step_of, tries_of, work
from tests.harness.receiver import Receiver
from tests.orchestrator.services.escalating import admit
from tests.orchestrator.services.proposing import append

pytestmark = pytest.mark.django_db
SECRET = "shared-with-the-agent"


@pytest.fixture
def home(tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture
def service(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A web service on this machine that the product may reach."""
    settings.AGENT_HOSTS = frozenset({"localhost"})
    settings.AGENT_SECRETS = frozenset({"SCOUT_SECRET@localhost"})
    monkeypatch.setenv("SCOUT_SECRET", SECRET)
    with Receiver() as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def web_agent(home: House, service: Receiver) -> Agent:
    return governance.agent(
        home.domain,
        home.ada,
        home.sam,
        slug="web",
        name="Web",
        runner="http",
        runner_config={"url": service.url.partition("?")[0], "secret": "SCOUT_SECRET"},
    )


def says(service: Receiver, body: Any, status: int = 200) -> None:
    service.answer, service.body = status, json.dumps(body).encode()


def asked(service: Receiver) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(service.got[-1][1])
    return body


def call_back(service: Receiver, body: Any, token: str = "") -> Response:
    callback = asked(service)["callback"]
    path = callback["url"].partition("localhost:8000")[2]
    client = APIClient(headers={"Authorization": f"Bearer {token or callback['token']}"})
    answer: Response = client.post(path, body, format="json")
    return answer


def waiting(home: House, service: Receiver) -> Run:
    """Start a run whose agent has taken the work and answers later."""
    web_agent(home, service)
    says(service, {}, 202)
    run = work(started(home, step("look", "web")))
    assert (run.state, step_of(run, "look").state) == ("waiting", "awaiting_input")
    return run


def test_an_agent_answers_at_once_to_a_request_it_can_verify(
    home: House, service: Receiver
) -> None:
    web_agent(home, service)
    says(service, {"output": {"seen": True}, "usage": {"input_tokens": 3, "model": "m"}})
    run = work(started(home, step("look", "web")))
    assert (run.state, step_of(run, "look").output) == ("succeeded", {"seen": True})
    assert step_of(run, "look").tries.get().usage == {"input_tokens": 3, "model": "m"}
    [(headers, body)] = service.got
    parts = dict(part.split("=", 1) for part in headers["Countersign-Signature"].split(","))
    signed = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + body, hashlib.sha256)
    assert signed.hexdigest() == parts["v1"]
    assert headers["Idempotency-Key"] == asked(service)["idempotency_key"]
    assert SECRET not in body.decode()


def test_every_turn_of_a_conversation_has_a_key_of_its_own(home: House, service: Receiver) -> None:
    web_agent(home, service)
    says(service, {"proposals": [append(home.open)], "conversation": {"n": 1}})
    run = started(home, step("look", "web"))
    drive(run, "look")
    says(service, {"output": {"seen": True}})
    assert work(run).state == "succeeded"
    first, second = (json.loads(body)["idempotency_key"] for _headers, body in service.got)
    assert second.startswith(f"{first}/")


def test_an_agent_that_answers_later_frees_its_worker_and_is_heard_once(
    home: House, service: Receiver
) -> None:
    run = waiting(home, service)
    assert tries_of(run, "look") == ["awaiting"]
    assert call_back(service, {"output": {"seen": True}}).status_code == 202
    assert call_back(service, {"output": {"seen": False}}).status_code == 410
    assert work(run).state == "succeeded"
    assert step_of(run, "look").output == {"seen": True}
    assert len(service.got) == 1
    assert call_back(service, {"output": {"seen": False}}).data["code"] == "callback_over"
    assert recorded(f"run:{run.pk}").count("step.answered") == 1
    assert isinstance(replay(run.pk), Replayed)


def test_what_is_proposed_at_the_callback_takes_the_ordinary_road(
    home: House, service: Receiver
) -> None:
    run = waiting(home, service)
    answer = {"output": {"said": "yes"}, "proposals": [append(home.open)]}
    assert call_back(service, answer).status_code == 202
    assert work(run).state == "succeeded"
    assert (lines_in(home.open), Action.objects.count()) == (1, 1)


@pytest.mark.parametrize("token", ["forged", "", "WyJ4IiwxXQ:1:x"])
def test_a_forged_callback_is_refused(home: House, service: Receiver, token: str) -> None:
    run = waiting(home, service)
    genuine = asked(service)["callback"]["token"]
    assert call_back(service, {"output": {}}, token or f"{genuine}x").status_code == 404
    assert step_of(run, "look").state == "awaiting_input"


def test_a_token_of_another_step_is_forged(home: House, service: Receiver) -> None:
    first = waiting(home, service)
    token = asked(service)["callback"]["token"]
    second = work(started(home, step("look", "web")))
    assert call_back(service, {"output": {}}, token).status_code == 404
    assert {step_of(run, "look").state for run in (first, second)} == {"awaiting_input"}


def test_without_a_token_nothing_is_answered(home: House, service: Receiver) -> None:
    run = waiting(home, service)
    url = f"/api/v1/callbacks/{step_of(run, 'look').pk}/"
    assert APIClient().post(url, {}, format="json").status_code == 401
    assert step_of(run, "look").state == "awaiting_input"


def test_a_misshapen_answer_is_refused_and_uses_nothing_up(home: House, service: Receiver) -> None:
    run = waiting(home, service)
    assert call_back(service, {"outputs": {}}).status_code == 422
    assert call_back(service, {"output": {"seen": 1}}).status_code == 202
    assert work(run).state == "succeeded"


def test_an_agent_that_is_late_has_timed_out_and_is_not_heard(
    home: House, service: Receiver
) -> None:
    run = waiting(home, service)
    sweep()
    assert step_of(run, "look").state == "awaiting_input"
    Step.objects.filter(run=run).update(not_before=Now())
    assert call_back(service, {"output": {}}).status_code == 410
    assert sweep().unanswered == 1
    run.refresh_from_db()
    assert (run.state, step_of(run, "look").state) == ("failed", "timed_out")
    assert call_back(service, {"output": {}}).status_code == 410
    assert isinstance(replay(run.pk), Replayed)


def test_a_run_that_is_cancelled_waits_for_no_answer(home: House, service: Receiver) -> None:
    run = waiting(home, service)
    admit(home, home.ines)
    cancellation.cancel(run_id=run.pk, person=home.ines, reason="Not needed.")
    assert call_back(service, {"output": {}}).status_code == 410
    run.refresh_from_db()
    assert (run.state, step_of(run, "look").state) == ("cancelled", "cancelled")


def test_an_agent_out_of_service_is_not_heard(home: House, service: Receiver) -> None:
    run = waiting(home, service)
    agent = Agent.objects.get(slug="web")
    agents.suspend(agent=agent, person=home.ada, reason="It went mad.")
    assert call_back(service, {"output": {}}).status_code == 410
    assert step_of(run, "look").state == "awaiting_input"


def test_an_answer_of_no_use_is_asked_for_again_three_times_in_all(
    home: House, service: Receiver
) -> None:
    web_agent(home, service)
    says(service, {}, 202)
    run = work(started(home, step("look", "web")))
    failure = {"error": {"code": "busy", "detail": "Not now.", "retryable": True}}
    for _ in range(3):
        assert call_back(service, failure).status_code == 202
        work(run)
        Step.objects.filter(run=run, state="backoff").update(not_before=Now())
        sweep()
        work(run)
    assert (run.state, run.error_code, len(service.got)) == ("escalated", "busy", 3)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, "no object", "malformed_output"),
        (500, {}, "agent_refused"),
        (429, {}, "rate_limited"),
    ],
)
def test_garbage_is_tried_three_times_and_then_a_person_is_asked(
    home: House, service: Receiver, status: int, body: Any, code: str
) -> None:
    web_agent(home, service)
    says(service, body, status)
    run = work(started(home, step("look", "web")))
    while Step.objects.filter(run=run, state="backoff").update(not_before=Now()):
        sweep()
        work(run)
    assert (run.state, run.error_code, len(service.got)) == ("escalated", code, 3)


@pytest.mark.parametrize("status", [301, 400, 403])
def test_a_refusal_is_not_repeated_and_no_redirect_followed(
    home: House, service: Receiver, status: int
) -> None:
    web_agent(home, service)
    service.answer, service.location = status, service.url
    run = work(started(home, step("look", "web")))
    assert (run.state, run.error_code, len(service.got)) == ("failed", "agent_refused", 1)


def test_an_address_inside_is_not_reached(
    home: House, service: Receiver, settings: Settings
) -> None:
    web_agent(home, service)
    settings.AGENT_HOSTS = frozenset()
    run = work(started(home, step("look", "web")))
    assert (run.state, run.error_code) == ("failed", "runner_config")
    assert service.got == []


def test_the_runner_is_found_by_its_name() -> None:
    assert runner_for("http")[1] == "http 1 (built in)"
