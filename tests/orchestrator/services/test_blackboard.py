"""The blackboard of a run: peers post for one another, and nothing is lost unnoticed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from orchestrator.models import AttemptKind, Posting, Run
from orchestrator.runners.base import AgentFailedError, AgentResult
from orchestrator.runners.registry import runners
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import claims, turns
from orchestrator.services.turns import Turn
from orchestrator.workflow.checkpoints import Judged
from tests.factories.audit import recorded
from tests.factories.governance import House
from tests.factories.orchestrator import started, step, step_of, tries_of, work
from tests.orchestrator.services.crew import NET, PRICES, Peer, begun, furnished

ENTRY: dict[str, Any] = {"space": "findings", "key": "a", "version": 0, "kind": "fact", "body": 1}


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Peer:
    one = Peer()
    monkeypatch.setitem(runners(), "peer", (one, "peer 1 (test)"))
    return one


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return furnished(tmp_path)


def posting(*entries: dict[str, Any]) -> Callable[[Any], dict[str, Any]]:
    """Return an agent's answer that posts, the first time it is asked."""
    left = [list(entries)]
    return lambda request: {"by": request.agent_slug, **({"post": left.pop()} if left else {})}


def test_what_one_agent_posts_others_see_if_their_context_says_so(home: House, peer: Peer) -> None:
    peer.answer = posting(ENTRY)
    run = work(begun(home, close_sees=["draft", "board.findings"]))
    assert run.state == "succeeded"
    [entry] = peer.turns()[-1].context["board"]
    assert entry == {**ENTRY, "version": 1, "author": "cid@1", "trust": "agent"} | {
        "step": "draft/turn"
    }
    assert "board" not in peer.turns()[0].context
    assert step_of(run, "draft").output == {"by": "cid"}
    assert recorded(f"run:{run.pk}").count("blackboard.posted") == 1
    assert isinstance(replay(run.pk), Replayed)


@pytest.mark.parametrize("sees", ["last", ["draft"], ["board.other"]])
def test_a_context_that_does_not_say_so_shows_no_board(home: House, peer: Peer, sees: Any) -> None:
    peer.answer = posting(ENTRY)
    work(begun(home, close_sees=sees))
    assert "board" not in peer.turns()[-1].context


def test_the_latest_version_is_shown_and_nothing_once_its_time_is_over(
    home: House, peer: Peer
) -> None:
    peer.answer = posting(ENTRY, {**ENTRY, "version": 1, "body": 2, "ttl": "1h"})
    run = begun(home, close_sees="full")
    work(run)
    assert [entry["body"] for entry in peer.turns()[-1].context["board"]] == [2]
    Posting.objects.filter(version=2).update(expires_at=Now())
    peer.answer = posting()
    later = begun(home, close_sees="full", version="1.0.1")
    Posting.objects.update(run=later)
    work(later)
    assert "board" not in peer.turns()[-1].context


def test_who_writes_over_what_it_has_not_read_is_told_so_and_nothing_is_written(
    home: House, peer: Peer
) -> None:
    peer.answer = posting({**ENTRY, "version": 4})
    run = work(begun(home))
    assert (step_of(run, "draft/turn").state, tries_of(run, "draft/turn")) == (
        "backoff",
        ["failed"],
    )
    assert step_of(run, "draft/turn").error_code == "posting_conflict"
    assert not Posting.objects.exists()
    assert "blackboard.posted" not in recorded(f"run:{run.pk}")


@pytest.mark.parametrize(
    "post",
    [
        "a",
        [{**ENTRY, "space": "No such"}],
        [{**ENTRY, "version": -1}],
        [{"key": "a"}],
        [ENTRY] * 11,
        [{**ENTRY, "body": "x" * 20_000}],
    ],
)
def test_what_is_no_entry_is_not_posted(home: House, peer: Peer, post: Any) -> None:
    peer.answer = lambda _request: {"post": post}
    run = work(begun(home))
    assert tries_of(run, "draft/turn") == ["failed"]
    assert not Posting.objects.exists()


def test_of_two_agents_that_post_the_same_version_at_once_one_does(
    committed_db: object, tmp_path: Path, peer: Peer, race: Any
) -> None:
    home = furnished(tmp_path)
    run = _two_at_once(home)
    held = [_claimed(run, f"both/{name}") for name in ("ann", "bob")]
    outcomes = race(*(lambda claim=claim: _commits(claim) for claim in held))
    lost = [outcome for outcome in outcomes if isinstance(outcome, AgentFailedError)]
    assert [error.code for error in lost] == ["posting_conflict"]
    assert Posting.objects.filter(version=1).count() == Posting.objects.count() == 1


def _two_at_once(home: House) -> Run:
    turn = {"timeouts": {"start_to_close": "30s"}}
    branches = {name: {"agent": name, **turn} for name in ("ann", "bob")}
    both = {"id": "both", "pattern": "concurrent", "branches": branches, "join": {"policy": "all"}}
    crew = {"crew": {"peers": ["cid"]}}
    return started(
        home,
        both,
        step("close", "crew"),
        agents=crew | {slug: {"ref": f"{slug}@1"} for slug in PRICES},
        topology={"decentralized": NET},
    )


def _claimed(run: Run, path: str) -> claims.Claim:
    step_id = step_of(run, path).pk
    claim = claims.claim(step_id=step_id, kind=AttemptKind.TURN, worker=path)
    assert claim is not None
    return claim


def _commits(claim: claims.Claim) -> object:
    return turns.commit(claim, Turn(AgentResult(), Judged("", ""), posts=[ENTRY]))
