"""Law 7 beyond reviews: no agent's credential takes a run into its hands, at any address."""

import inspect
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern
from rest_framework.test import APIClient

from audit.models import Event
from governance.services import tokens
from orchestrator.models import Run
from tests.architecture.test_review_urls import patterns
from tests.factories import governance
from tests.factories import orchestrator as make

VERBS = (
    "budgeting.raise_run",
    "cancellation.cancel",
    "pausing.pause",
    "pausing.resume",
    "verbs.use",
    "forking.fork",
)
NAMES = {"budget", "cancel", "pause", "resume", "escalations", "fork"}


def takes_a_run(pattern: URLPattern) -> bool:
    """Whether the view behind the pattern uses a verb of people on a run."""
    view: Any = pattern.callback
    view = getattr(view, "view_class", None) or getattr(view, "cls", None) or view
    source = inspect.getsource(inspect.unwrap(view))
    return any(verb in source for verb in VERBS)


@pytest.fixture
def run(db: None, tmp_path: Path) -> Run:
    home = governance.house(tmp_path)
    make.agent(home, "style")
    return make.started(home, make.step("look", "style"))


@pytest.fixture
def client(run: Run) -> APIClient:
    agent = make.step_of(run, "look").agent
    _token, secret = tokens.issue(
        agent=agent, name="style", ttl=timedelta(hours=1), actor=make.TESTER
    )
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_the_walk_finds_every_verb_on_the_page_and_in_the_api() -> None:
    found = {pattern.name for _, pattern in patterns() if takes_a_run(pattern)}
    assert found == {f"{kind}-{name}" for name in NAMES for kind in ("run", "api-run")}


def test_an_agent_is_refused_at_each_of_them_and_nothing_happens(
    client: APIClient, run: Run
) -> None:
    before = Event.objects.count()
    body = {"reason": "Let me.", "verb": "retry", "step": str(make.step_of(run, "look").pk)}
    for route, pattern in patterns():
        if not takes_a_run(pattern):
            continue
        answer = client.post(f"/{route.replace('<uuid:run_id>', str(run.pk))}", body)
        if route.startswith("api/"):
            assert (answer.status_code, answer.json()["code"]) == (403, "agent_principal"), route
        else:
            # Pages know sessions only, and an agent has none: nobody is signed in.
            assert answer.status_code in (302, 401), route
    run.refresh_from_db()
    assert run.state == "running"
    assert Event.objects.count() == before
