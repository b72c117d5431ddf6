"""Peers bid for a step of a real run: what each of them sees, and what nobody may see yet."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from audit.models import Event
from audit.selectors.events import events_for
from audit.types import StreamKey
from governance.models import Agent, Lifecycle, Person
from governance.refusals import Invalid
from governance.services import agents
from orchestrator.models import Attempt, Run
from orchestrator.runners.base import AgentRequest
from orchestrator.runners.registry import runners
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.selectors.runs import run_for
from orchestrator.services import turns
from tests.factories.audit import recorded
from tests.factories.governance import House
from tests.factories.orchestrator import WORKER, step_of, work
from tests.orchestrator.services.crew import PRICES, Peer, begun, furnished


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Peer:
    one = Peer()
    monkeypatch.setitem(runners(), "peer", (one, "peer 1 (test)"))
    return one


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return furnished(tmp_path)


def bid(run: Run, *names: str) -> None:
    for name in names:
        turns.drive(step_id=step_of(run, f"draft/bid-{name}").pk, worker=WORKER)


def shown(person: Person, run: Run) -> dict[str, Any]:
    """Return what the log and the run's page show of every paper."""
    found = events_for(person, StreamKey("run", str(run.pk)))
    assert found is not None
    page = {row.path: row.output for row in run_for(person, run.pk).steps}
    told = {
        e.payload["step"]: e.payload["output"] for e in found.events if e.type == "step.succeeded"
    }
    assert {path: page[path] for path in told} == told
    return {path: output for path, output in told.items() if "/bid-" in path}


def test_the_winner_s_output_is_the_step_s_and_its_own_words_for_whoever_reads_it(
    home: House, peer: Peer
) -> None:
    run = work(begun(home))
    assert (run.state, step_of(run, "draft").output) == ("succeeded", {"by": "cid"})
    _draft, close = peer.turns()
    assert close.context["steps"]["draft"]["author"] == "cid@1"
    assert isinstance(replay(run.pk), Replayed)


def test_a_bid_is_shown_to_nobody_before_the_award_and_to_everybody_after(
    home: House, peer: Peer
) -> None:
    run = begun(home)
    bid(run, "ann", "bob")
    assert shown(home.grace, run) == {"draft/bid-ann": {}, "draft/bid-bob": {}}
    bid(run, "cid")
    assert shown(home.grace, run)["draft/bid-ann"]["price_micro_usd"] == 3
    assert isinstance(replay(run.pk), Replayed)


def test_no_peer_is_told_of_another_s_bid(home: House, peer: Peer) -> None:
    work(begun(home, context="full"))
    told = {request.step_path: f"{request.task} {request.context}" for request in peer.asked}
    prices = {
        place: re.findall(r"'price_micro_usd': ([0-9])", text) for place, text in told.items()
    }
    assert {place: found for place, found in prices.items() if found} == {"draft/ack-cid": ["1"]}


def test_who_only_bids_or_accepts_cannot_act(home: House) -> None:
    offer = {"price_micro_usd": 1, "eta_s": 1, "confidence": 1}
    acting = {"output": offer, "proposals": [{"tool": "ledger.append", "arguments": {}}]}
    Agent.objects.filter(slug="ann").update(runner="echo", runner_config=acting)
    run = begun(home)
    bid(run, "ann")
    assert Attempt.objects.get(step=step_of(run, "draft/bid-ann")).error_code == "no_action_here"
    assert step_of(run, "draft/bid-ann").action_id is None


def test_a_winner_that_is_suspended_loses_the_work_to_the_next_bid(
    home: House, peer: Peer
) -> None:
    def accepts_and_is_suspended(request: AgentRequest) -> Mapping[str, Any]:
        if request.agent_slug == "cid":
            cid = Agent.objects.get(slug="cid")
            agents.suspend(agent=cid, person=home.ada, reason="It misbehaves")
        return {"accept": True}

    peer.accept = accepts_and_is_suspended
    run = work(begun(home))
    assert step_of(run, "draft").output == {"by": "bob"}
    assert peer.turns()[0].agent_slug == "bob"
    assert recorded(f"run:{run.pk}").count("award.made") == 1
    assert isinstance(replay(run.pk), Replayed)


def test_a_crew_nobody_of_which_is_in_service_needs_a_person(home: House, peer: Peer) -> None:
    run = begun(home)
    Agent.objects.filter(slug__in=PRICES).update(lifecycle=Lifecycle.SUSPENDED)
    work(run)
    assert (run.state, run.error_code) == ("escalated", "nobody_took_it")
    assert recorded(f"run:{run.pk}").count("contract.announced") == 3
    assert isinstance(replay(run.pk), Replayed)


def test_a_page_and_the_log_open_what_nobody_won_as_well(home: House, peer: Peer) -> None:
    run = begun(home)
    bid(run, "ann")
    Agent.objects.filter(slug__in=PRICES).update(lifecycle=Lifecycle.SUSPENDED)
    work(run)
    assert shown(home.grace, run)["draft/bid-ann"]["price_micro_usd"] == 3


def test_a_run_begins_while_one_peer_is_out_of_service_and_the_others_do_its_work(
    home: House, peer: Peer
) -> None:
    Agent.objects.filter(slug="cid").update(lifecycle=Lifecycle.SUSPENDED)
    run = work(begun(home))
    assert (run.state, step_of(run, "draft").output) == ("succeeded", {"by": "bob"})


@pytest.mark.parametrize("out", [["ann"], ["ann", "bob", "cid"]])
def test_a_run_does_not_begin_without_whom_it_names_or_a_whole_crew(
    home: House, peer: Peer, out: list[str]
) -> None:
    Agent.objects.filter(slug__in=out).update(lifecycle=Lifecycle.SUSPENDED)
    with pytest.raises(Invalid) as caught:
        begun(home)
    assert caught.value.code == "unknown_agent"
    assert not Run.objects.exists()


def test_whose_agents_they_are_is_told_once_and_only_where_the_file_asks(home: House) -> None:
    fair, free = begun(home, terms={"no_self_award": True}), begun(home, version="1.0.1")
    [event] = Event.objects.filter(type="run.started", stream__object_id=str(fair.pk))
    told = json.loads(event.payload.fields)["owners"]
    assert told == fair.owners == {slug: str(home.ada.pk) for slug in PRICES}
    assert free.owners == {}
