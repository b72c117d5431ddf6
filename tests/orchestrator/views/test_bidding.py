"""What the page of a run tells of work that is offered to peers, and what it keeps back."""

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from orchestrator.models import Run, Step
from orchestrator.runners.registry import runners
from orchestrator.services import escalation, turns
from orchestrator.views.blocks.bidding import Bidding
from tests.factories.governance import House
from tests.factories.orchestrator import WORKER, step_of, work
from tests.orchestrator.services.crew import Peer, begun, furnished
from tests.orchestrator.services.escalating import admit, use
from tests.orchestrator.views.test_block_views import view_of


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


def bidding(home: House, run: Run) -> Bidding:
    view: Bidding = view_of(home.grace, run, "draft")
    return view


def page(client: Client, home: House, run: Run) -> str:
    client.force_login(home.grace)
    return client.get(reverse("run", args=[run.pk])).content.decode()


def test_nothing_of_a_bid_is_shown_before_the_award_but_until_when_it_is_wanted(
    home: House, peer: Peer, client: Client
) -> None:
    run = begun(home)
    turns.drive(step_id=step_of(run, "draft/bid-ann").pk, worker=WORKER)
    [only] = bidding(home, run).rounds
    assert (only.is_open, only.until) == (False, step_of(run, "draft/bids-due").not_before)
    assert [(o.peer, o.state, o.price, o.reason) for o in only.offers] == [
        ("Ann", "sealed", "", ""),
        ("Bob", "asked", "", ""),
        ("Cid", "asked", "", ""),
    ]
    text = page(client, home, run)
    assert "Bids are sealed until the award" in text
    assert "0.000003" not in text


def test_an_award_opens_all_bids_and_says_who_has_the_work(
    home: House, peer: Peer, client: Client
) -> None:
    run = work(begun(home, terms={"reserve_price_micro_usd": 2}))
    view = bidding(home, run)
    [only] = view.rounds
    assert (str(view.rule), view.crew, view.reserve_price) == (
        "the lowest price",
        "crew",
        "0.000002",
    )
    assert [(o.peer, o.state, o.price, o.confidence, str(o.reason)) for o in only.offers] == [
        ("Ann", "refused", "0.000003", 100, "above the reserve price"),
        ("Bob", "bid", "0.000002", 100, ""),
        ("Cid", "won", "0.000001", 100, ""),
    ]
    text = page(client, home, run)
    assert "0.000003 USD" in text
    assert "Has the work" in text


def test_work_that_nobody_took_tells_every_announcement_and_why_people_made_the_last(
    home: House, peer: Peer, client: Client
) -> None:
    peer.accept = lambda _request: {"accept": False, "reason": "Too much to do."}
    run = work(begun(home, terms={"max_reannounce": 0}))
    client.force_login(home.ines)
    shown = client.get(reverse("run", args=[run.pk])).content.decode()
    assert "Announce it again" in shown
    use(escalation.announce_again, run, "draft", reason="Please <b>take</b> it.")
    view = bidding(home, run)
    assert [(one.number, one.is_open) for one in view.rounds] == [(1, True), (2, False)]
    assert {(o.state, o.reason) for o in view.rounds[0].offers} == {("lost", "Too much to do.")}
    assert (view.reasons, view.most) == (["Please <b>take</b> it."], 2)
    assert "Please &lt;b&gt;take&lt;/b&gt; it." in page(client, home, run)


def test_a_bid_of_a_million_years_is_shown_too(home: House, peer: Peer, client: Client) -> None:
    run = work(begun(home))
    paper = {"price_micro_usd": 10**15, "eta_s": 10**15, "confidence": 0}
    Step.objects.filter(run=run, path="draft/bid-ann").update(output=paper)
    assert "1000000000.00 USD" in page(client, home, run)


def test_votes_stand_beside_who_cast_them_once_the_work_is_awarded(
    home: House, peer: Peer
) -> None:
    peer.answer = lambda request: (
        {"vote": "bob"} if "election" in request.task else {"by": request.agent_slug}
    )
    run = work(begun(home, terms={"award": "vote", "quorum_percent": 100}))
    [only] = bidding(home, run).rounds
    assert {o.vote for o in only.offers} == {"Bob"}
    assert [o.state for o in only.offers] == ["bid", "won", "bid"]
