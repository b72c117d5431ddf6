"""What an agent's configuration may say is checked when it is registered."""

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from governance.models import Agent
from governance.refusals import Invalid
from orchestrator.runners import hosts
from tests.factories import governance
from tests.factories.governance import House, house

MODEL = {"base_url": "https://api.example.com/v1", "model": "m", "instructions": "Help."}


@pytest.fixture
def home(tmp_path: Path) -> House:
    return house(tmp_path)


def register(home: House, runner: str, config: dict[str, Any]) -> Agent:
    return governance.agent(
        home.domain, home.ada, home.sam, slug="new", runner=runner, runner_config=config
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("runner", "config", "place"),
    [
        ("process", {"argv": ["sh"], "shell": True}, "runner_config"),
        ("openai", {"model": "m"}, "base_url.*instructions"),
        ("openai", MODEL | {"base_url": "http://api.example.com/v1"}, "COUNTERSIGN_AGENT_HOSTS"),
        ("openai", MODEL | {"base_url": "https://me:pw@example.com/v1"}, "without user name"),
        ("openai", MODEL | {"base_url": "file:///etc/passwd"}, "runner_config/base_url"),
        ("openai", MODEL | {"api_key": "sk-secret"}, "COUNTERSIGN_AGENT_SECRETS"),
        ("openai", MODEL | {"api_key": "SECRET_KEY"}, "COUNTERSIGN_AGENT_SECRETS"),
        ("openai", MODEL | {"api_key": "OPENAI_API_KEY"}, "OPENAI_API_KEY@api.example.com in"),
        ("openai", MODEL | {"answer": {"type": "nothing"}}, "runner_config/answer"),
        ("openai", MODEL | {"max_tool_calls": 0}, "runner_config/max_tool_calls"),
    ],
)
def test_a_wrong_configuration_registers_nobody_and_names_place_and_remedy(
    home: House, runner: str, config: dict[str, Any], place: str
) -> None:
    before = Agent.objects.count()
    with pytest.raises(Invalid, match=place):
        register(home, runner, config)
    assert Agent.objects.count() == before


@pytest.mark.django_db
def test_a_configuration_that_is_one_is_kept_as_it_is(home: House) -> None:
    config = MODEL | {
        "base_url": "https://api.openai.com/v1",
        "api_key": "OPENAI_API_KEY",
        "api": "responses",
    }
    assert register(home, "openai", config).runner_config == config


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/v1",
        "https://10.0.0.1/v1",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/v1",
        "https://[::ffff:10.0.0.1]/v1",
        "https://2130706433/v1",
        "https://localhost/v1",
    ],
)
def test_no_address_inside_is_reached_unless_it_is_named(settings: Settings, url: str) -> None:
    with pytest.raises(hosts.UnreachableError, match="COUNTERSIGN_AGENT_HOSTS"):
        hosts.check(url)
    settings.AGENT_HOSTS = frozenset({hosts._parts(url).hostname})  # type: ignore[union-attr]  # it is one
    hosts.check(url)
    hosts.check(url.replace("https:", "http:"))


def test_this_machine_is_reached_where_a_runner_says_so() -> None:
    hosts.check("http://localhost:11434/v1", loopback=True)
    with pytest.raises(hosts.UnreachableError):
        hosts.check("http://10.0.0.1/v1", loopback=True)
