"""People, clocks and work that peers bid for."""

from pathlib import Path

import pytest
from django.db.models.functions import Now

from orchestrator.models import Run, Step
from orchestrator.runners.registry import runners
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import cancellation, escalation, turns
from orchestrator.services.claims import Claim
from orchestrator.services.sweep import sweep
from tests.factories.audit import recorded
from tests.factories.governance import House, lines_in
from tests.factories.orchestrator import WORKER, step_of, work
from tests.orchestrator.services.crew import PRICES, Peer, begun, furnished
from tests.orchestrator.services.escalating import admit, lose, use

TURN = "draft/turn"


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Peer:
    one = Peer()
    monkeypatch.setitem(runners(), "peer", (one, "peer 1 (test)"))
    return one


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    home = furnished(tmp_path)
    admit(home, home.ines)
    return home


def drive(run: Run, *names: str) -> None:
    for name in names:
        Step.objects.filter(run=run, path=f"draft/{name}").update(rung_at=Now())
        turns.drive(step_id=step_of(run, f"draft/{name}").pk, worker=WORKER)


def lost(run: Run) -> None:
    """Let the winner's turn lose its worker three times."""
    for _ in range(3):
        lose(step_of(run, TURN))
    run.refresh_from_db()
    assert (run.state, step_of(run, "draft").state) == ("escalated", "escalated")


def at_the_turn(home: House, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a run whose winner has accepted, and whose worker then went away."""
    run = begun(home)
    take = turns.take

    def all_but_the_turn(claim: Claim) -> Claim | None:
        return None if Step.objects.get(pk=claim.step_id).path == TURN else take(claim)

    with monkeypatch.context() as patched:
        patched.setattr(turns, "take", all_but_the_turn)
        drive(run, *(f"bid-{name}" for name in PRICES))
    assert step_of(run, TURN).state in {"ready", "running"}
    return run


def replays(run: Run) -> bool:
    return isinstance(replay(run.pk), Replayed)


def test_a_turn_that_was_won_and_lost_its_workers_is_retried_by_a_person(
    home: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = at_the_turn(home, monkeypatch)
    lost(run)
    use(escalation.retry, run, TURN)
    assert step_of(run, "draft").state == "running"
    work(run)
    assert (run.state, step_of(run, "draft").output) == ("succeeded", {"by": "cid"})
    assert recorded(f"run:{run.pk}").count("award.made") == 1
    assert replays(run)


def test_a_turn_that_a_person_skips_skips_its_step(
    home: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = at_the_turn(home, monkeypatch)
    lost(run)
    use(escalation.skip, run, TURN)
    work(run)
    assert (run.state, step_of(run, "draft").state) == ("succeeded", "skipped")
    assert replays(run)


def test_a_turn_that_a_person_calls_failed_fails_its_step(
    home: House, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = at_the_turn(home, monkeypatch)
    lost(run)
    use(escalation.fail, run, TURN)
    work(run)
    assert (run.state, step_of(run, "draft").state) == ("failed", "failed")
    assert replays(run)


def test_the_clock_ends_bidding_when_a_peer_says_nothing(home: House, peer: Peer) -> None:
    run = begun(home)
    drive(run, "bid-ann", "bid-bob")
    assert sweep().elapsed == 0
    Step.objects.filter(run=run, path="draft/bids-due").update(not_before=Now())
    assert sweep().elapsed == 1
    assert step_of(run, "draft/bid-cid").state == "cancelled"
    assert step_of(run, "draft/ack-bob").state == "ready"
    assert replays(run)
    work(run)
    assert step_of(run, "draft").output == {"by": "bob"}
    assert replays(run)


def test_a_run_that_is_cancelled_while_peers_bid_leaves_nothing_open(
    home: House, peer: Peer
) -> None:
    run = begun(home)
    drive(run, "bid-ann")
    cancellation.cancel(run_id=run.pk, person=home.ines, reason="Not needed.")
    run.refresh_from_db()
    assert run.state == "cancelled"
    states = dict(run.steps.values_list("path", "state"))
    assert set(states.values()) == {"succeeded", "cancelled"}
    assert lines_in(home.open) == 0
    assert replays(run)


@pytest.mark.parametrize(("verb", "ends"), [("skip", "succeeded"), ("fail", "failed")])
def test_a_person_decides_about_work_that_nobody_took(
    home: House, peer: Peer, verb: str, ends: str
) -> None:
    peer.accept = lambda _request: {"accept": False, "reason": "Too much to do."}
    run = work(begun(home))
    assert (run.state, run.error_code) == ("escalated", "nobody_took_it")
    use(getattr(escalation, verb), run, "draft")
    peer.accept = lambda _request: {"accept": True}
    work(run)
    assert run.state == ends
    assert replays(run)
