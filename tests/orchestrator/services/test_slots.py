from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from governance.models import Agent, Grant
from governance.refusals import Invalid, Refusal
from orchestrator.history.replaying import Difference
from orchestrator.models import Run
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import runs
from orchestrator.services.briefs import Brief
from orchestrator.workflow import selection
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House, house
from tests.factories.orchestrator import started, step, step_of, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> House:
    return house(tmp_path)


def able(home: House, slug: str, price: int | None = None, *capabilities: str) -> Agent:
    agent = make.agent(home, slug, output={"by": slug})
    capable = list(capabilities or ("scan",))
    Agent.objects.filter(pk=agent.pk).update(capabilities=capable, price_micro_usd=price)
    return agent


def with_slot(home: House, **slot: Any) -> Run:
    agents = {"scan": {"capabilities": ["scan"], **slot}}
    return started(home, step("look", "scan"), agents=agents)


def test_a_slot_is_filled_by_the_cheapest_agent_and_the_run_replays(home: House) -> None:
    able(home, "costly", 900)
    able(home, "cheap", 100)
    able(home, "reader", 1, "read")
    run = with_slot(home)
    assert run.pinned_agents == {"scan": "cheap@1"}
    assert work(run).state == "succeeded"
    assert step_of(run, "look").output == {"by": "cheap"}
    assert recorded(f"run:{run.pk}")[:2] == ["run.started", "agent.selected"]
    assert isinstance(replay(run.pk), Replayed)


def test_the_runs_page_says_who_was_chosen_and_why_not_the_others(
    home: House, client: Client
) -> None:
    able(home, "costly", 900)
    able(home, "cheap", 100)
    sleepy = able(home, "sleepy", 1)
    Agent.objects.filter(pk=sleepy.pk).update(lifecycle="suspended")
    run = with_slot(home)
    client.force_login(home.grace)
    page = client.get(f"/runs/{run.pk}/").content.decode()
    assert "Who fills “scan”" in page
    chosen, rejected = page.index("cheap@1"), page.index("costly@1")
    assert "Chosen" in page[chosen:rejected]
    assert "another one is cheaper" in page[rejected:]
    assert "Not in service" in page


def test_a_run_keeps_whom_it_was_given_when_a_cheaper_one_comes(home: House) -> None:
    able(home, "costly", 900)
    run = with_slot(home)
    able(home, "cheap", 100)
    assert work(run).state == "succeeded"
    assert step_of(run, "look").output == {"by": "costly"}


def test_replay_names_a_choice_that_does_not_follow(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    able(home, "costly", 900)
    able(home, "cheap", 100)
    run = with_slot(home)
    monkeypatch.setattr(selection, "_preference", lambda one: -one.price)
    difference = replay(run.pk)
    assert isinstance(difference, Difference)
    assert (difference.seq, "costly@1" in difference.derived) == (2, True)


def test_a_slot_that_nobody_can_fill_starts_nothing_and_says_why(home: House) -> None:
    able(home, "dear", 900)
    sleepy = able(home, "sleepy", 1)
    Agent.objects.filter(pk=sleepy.pk).update(lifecycle="suspended")
    with pytest.raises(Invalid) as refused:
        with_slot(home, max_price_usd=0.0005)
    assert refused.value.code == "no_agent"
    [error] = refused.value.extra["errors"]
    assert error["pointer"] == "/agents/scan"
    assert "dear@1 (too_expensive: 900)" in error["detail"]
    assert "sleepy@1 (not_active: suspended)" in error["detail"]
    assert not Run.objects.exists()


def test_an_agent_fills_a_slot_only_while_its_grant_lasts(home: House) -> None:
    agent = able(home, "scanner", 1)
    Grant.objects.create(agent=agent, scope="repo:shop/*", granted_by=home.ada)
    assert with_slot(home, scopes=["repo:shop/main"]).pinned_agents == {"scan": "scanner@1"}
    Grant.objects.filter(scope="repo:shop/*").update(expires_at="2020-01-01T00:00:00Z")
    with pytest.raises(Invalid, match="out_of_scope"):
        with_slot(home, scopes=["repo:shop/other"])


def test_what_the_initiator_says_is_kept_and_belongs_to_the_key(home: House) -> None:
    make.agent(home, "scan")
    workflow = make.workflow(home, step("look", "scan"))
    brief = Brief("Ship it", ["No downtime"], ["The page answers"])
    wanted: dict[str, Any] = {
        "workflow": workflow,
        "initiator": home.ines,
        "inputs": {},
        "dedupe_key": "k",
    }
    run = runs.start(**wanted, brief=brief)
    assert (run.goal, run.constraints) == ("Ship it", ["No downtime"])
    assert run.success_criteria == ["The page answers"]
    assert runs.start(**wanted, brief=brief).pk == run.pk
    with pytest.raises(Refusal, match="another run"):
        runs.start(**wanted)


def test_a_brief_that_is_too_long_is_refused_by_field(home: House) -> None:
    make.agent(home, "scan")
    workflow = make.workflow(home, step("look", "scan"))
    brief = Brief("x" * 4001, ["y" * 501], ["\0"])
    with pytest.raises(Invalid) as refused:
        runs.start(workflow=workflow, initiator=home.ines, inputs={}, dedupe_key="k", brief=brief)
    pointers = [error["pointer"] for error in refused.value.extra["errors"]]
    assert pointers == ["/goal", "/constraints"]
    assert not Run.objects.exists()
