"""Only who is in service has a vote: a ballot is counted by what is so at that moment."""

from pathlib import Path

import pytest

from governance.models import Agent, Lifecycle
from governance.services import agents
from orchestrator.runners.base import AgentRequest, AgentResult, Heartbeat
from orchestrator.runners.registry import runners
from orchestrator.selectors.replays import Replayed, replay
from tests.factories.audit import recorded
from tests.factories.governance import House, house
from tests.orchestrator.cells.driving import PlayerRunner, begun, cast, worked_off


class Leaving(PlayerRunner):
    """Plays everybody; while Cid votes, whom a test says is taken out of service."""

    def __init__(self, home: House) -> None:
        self.home = home
        self.who: tuple[str, ...] = ()

    def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
        if request.step_path.endswith("vote_cid"):
            for agent in Agent.objects.filter(slug__in=self.who, lifecycle=Lifecycle.ACTIVE):
                agents.suspend(agent=agent, person=self.home.ada, reason="Looks odd.")
        return super().run(request, heartbeat)


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return house(tmp_path)


@pytest.fixture
def leaving(home: House, monkeypatch: pytest.MonkeyPatch) -> Leaving:
    runner = Leaving(home)
    monkeypatch.setitem(runners(), "player", (runner, "player 1 (test)"))
    cast(home)
    return runner


def test_a_ballot_counts_whoever_is_in_service_when_it_is_counted(
    home: House, leaving: Leaving
) -> None:
    leaving.who = ("bob",)
    run = begun(home, "group_chat")
    assert worked_off(run).state == "succeeded"
    assert recorded(f"run:{run.pk}").count("run.voters_changed") == 1
    tally = run.steps.get(path="talk").output["tally"]
    assert (tally["cast"], tally["winner"]) == (2, "p1")
    assert isinstance(replay(run.pk), Replayed)


def test_papers_without_a_live_voter_make_no_quorum_and_a_person_is_asked(
    home: House, leaving: Leaving
) -> None:
    leaving.who = ("ann", "bob")
    run = begun(home, "group_chat")
    worked_off(run)
    assert (run.state, run.error_code) == ("escalated", "quorum_unreachable")
    assert run.absent == ["ann", "bob"]
    tally = run.steps.get(path="talk").output["tally"]
    assert (tally["outcome"], tally["cast"], tally["winner"]) == ("no_quorum", 1, "")
    assert isinstance(replay(run.pk), Replayed)


def test_whose_service_changes_is_told_only_where_somebody_votes(
    home: House, leaving: Leaving
) -> None:
    run = begun(home, "sequential")
    Agent.objects.filter(slug="ann-left").update(lifecycle=Lifecycle.SUSPENDED)
    assert worked_off(run).state == "succeeded"
    assert run.absent == []
    assert "run.voters_changed" not in recorded(f"run:{run.pk}")
