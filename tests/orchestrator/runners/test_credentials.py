"""A secret goes to the hosts it is for, over TLS or to this machine, and nowhere else."""

import json
from pathlib import Path

import pytest
from pytest_django import Settings

from governance.models import Agent
from orchestrator.runners import credentials
from orchestrator.runners.base import AgentFailedError
from orchestrator.runners.mcp import config as mcp_config
from tests.factories.governance import house
from tests.factories.models import Play, model_agent
from tests.factories.orchestrator import started, step, step_of, work


@pytest.fixture(autouse=True)
def key(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AGENT_SECRETS = frozenset({"KEY@api.example.com", "KEY@localhost", "KEY@10.0.0.1"})
    settings.AGENT_HOSTS = frozenset({"10.0.0.1", "other.example.com"})
    monkeypatch.setenv("KEY", "sk-hidden")


@pytest.mark.parametrize("url", ["https://api.example.com/v1", "http://localhost:11434/v1"])
def test_a_secret_goes_where_it_is_for(url: str) -> None:
    assert credentials.secret("KEY", url) == "sk-hidden"


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("https://other.example.com/v1", "say KEY@other.example.com in COUNTERSIGN_AGENT_SECRETS"),
        ("https://api.example.com.evil.example/v1", "is not for api.example.com.evil.example"),
        ("https://evil.example/api.example.com", "is not for evil.example"),
        ("http://api.example.com/v1", "use https"),
        ("http://10.0.0.1/v1", "use https"),
    ],
)
def test_a_secret_goes_nowhere_else_whatever_the_configuration_says(url: str, remedy: str) -> None:
    with pytest.raises(AgentFailedError, match=remedy) as no:
        credentials.secret("KEY", url)
    assert no.value.code == "credential_not_allowed"
    assert "sk-hidden" not in no.value.detail


def test_a_name_without_a_host_is_for_no_host(settings: Settings) -> None:
    settings.AGENT_SECRETS = frozenset({"KEY"})
    assert "say KEY@api.example.com in" in credentials.fault_of("KEY", "https://api.example.com")


@pytest.mark.parametrize(
    ("server", "place"),
    [
        ({"url": "https://other.example.com/mcp"}, "KEY@other.example.com"),
        ({"command": ["python", "server.py"]}, "started without secrets"),
    ],
)
def test_a_token_of_a_server_of_tools_is_for_its_host_only(
    server: dict[str, object], place: str
) -> None:
    tools = {"tools": {"read": {"risk": "low"}}}
    document = {"servers": {"notes": {**server, **tools, "token": "KEY"}}}
    [(pointer, fault)] = mcp_config.faults_of(document)
    assert pointer == "/servers/notes/token"
    assert place in fault


@pytest.mark.django_db
def test_an_agent_registered_before_its_key_was_bound_elsewhere_sends_nothing(
    tmp_path: Path, play: Play, settings: Settings
) -> None:
    home, model = house(tmp_path), play({"text": "Never heard."})
    agent = model_agent(home, model)
    config = {**agent.runner_config, "api_key": "KEY"}
    Agent.objects.filter(pk=agent.pk).update(runner_config=config)
    settings.AGENT_SECRETS = frozenset({"KEY@api.example.com"})
    run = work(started(home, step("look", "clerk")))
    assert step_of(run, "look").error_code == "runner_config"
    assert "COUNTERSIGN_AGENT_SECRETS" in step_of(run, "look").error_detail
    assert model.asked == []
    assert "sk-hidden" not in json.dumps(step_of(run, "look").error_detail)


@pytest.mark.django_db
def test_a_redirect_takes_no_secret_along(tmp_path: Path, play: Play, settings: Settings) -> None:
    settings.AGENT_SECRETS = frozenset({"KEY@127.0.0.1", "KEY@localhost"})
    home, model = house(tmp_path), play({"status": 307, "always": True})
    model_agent(home, model, api_key="KEY")
    run = work(started(home, step("look", "clerk")))
    assert (run.state, run.error_code) == ("failed", "endpoint_refused")
    assert len(model.asked) == 1
