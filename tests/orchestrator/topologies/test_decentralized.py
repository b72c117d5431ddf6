"""Peers bid for a step, a rule awards it, and exactly one of them does it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.base import History, PlannedStep
from orchestrator.patterns.children import misfit
from orchestrator.topologies.papers import BID
from orchestrator.topologies.registry import topology_named
from tests.orchestrator.topologies.market import NET, PEERS, Market, is_over

BIDS = ["bid-ann", "bid-bob", "bid-cid"]


def all_bid(market: Market, number: int = 0) -> None:
    for price, name in enumerate(PEERS):
        market.bid(name, 10 + price, number)


def test_an_alias_without_peers_does_its_step_itself() -> None:
    step, options = PlannedStep("a", agent="ann"), {**NET, "peers": {"crew": PEERS}}
    history = History([step], options=options)
    assert topology_named("decentralized").assign(step, history) == "ann"


def test_every_peer_is_asked_for_a_bid_and_none_is_told_of_the_others() -> None:
    market = Market(reserve_price_micro_usd=50)
    assert market.asked() == BIDS
    asked = {row.path: row.task for row in market.rows("bid")}
    assert asked["draft/bid-ann"] == asked["draft/bid-bob"]
    assert "bob" not in str(asked["draft/bid-ann"])
    assert asked["draft/bid-ann"]["announcement"]["reserve_price_micro_usd"] == 50


def test_the_best_bid_wins_once_all_are_in_and_nobody_waits_for_the_clock() -> None:
    market = Market()
    market.bid("cid", 1)
    market.bid("ann", 2)
    assert market.noted("award.made") == []
    market.bid("bob", 3)
    [award] = market.noted("award.made")
    assert (award["winner"], award["ranking"]) == ("cid", ["cid", "ann", "bob"])
    assert award["bids"]["bob"]["price_micro_usd"] == 3
    assert market.asked() == ["ack-cid"]
    assert [row.path for row in market.rows("timer") if not is_over(row)] == ["draft/due-cid"]


def test_the_winner_does_the_step_once_it_accepted_and_its_output_is_the_step_s() -> None:
    market = Market()
    all_bid(market)
    market.say("ack-ann", accept=True)
    assert market.asked() == ["turn"]
    market.say("turn", done=True)
    assert market.end is not None
    assert market.end.state == "succeeded"
    assert market.engine.output("draft") == {"done": True}
    assert market.open() == []


def test_bids_are_waited_for_until_the_clock_runs_out_and_no_longer() -> None:
    market = Market()
    market.bid("bob", 9)
    market.say("bids-due")
    [award] = market.noted("award.made")
    assert award["winner"] == "bob"
    assert award["bids"]["ann"] == {"missing": "late"}
    assert {row.path: row.state for row in market.rows("bid")}["draft/bid-ann"] == "cancelled"


def test_a_bid_that_came_after_the_clock_does_not_count_even_if_nobody_had_decided_yet() -> None:
    market = Market()
    market.bid("bob", 9)
    market.become("draft/bids-due", 0, "succeeded", {})
    market.bid("ann", 1)
    assert market.noted("award.made")[0]["winner"] == "bob"


@pytest.mark.parametrize(
    "bid",
    [
        {"price_micro_usd": -1, "eta_s": 1, "confidence": 1},
        {"price_micro_usd": 1, "eta_s": 1, "confidence": 1, "decline": "no"},
        {"price_micro_usd": 1, "eta_s": 1},
        {"decline": "no", "eta_s": 1},
        {"winner": "ann"},
        {},
    ],
)
def test_what_is_no_bid_does_not_win(bid: dict[str, Any]) -> None:
    assert misfit(bid, BID)
    market = Market()
    market.say("bid-ann", **bid)
    market.bid("bob", 5)
    market.fail("bid-cid")
    assert market.noted("award.made")[0]["ranking"] == ["bob"]


def test_a_bid_above_the_reserve_price_does_not_win() -> None:
    market = Market(reserve_price_micro_usd=10)
    all_bid(market)
    assert market.noted("award.made")[0]["ranking"] == ["ann"]


@pytest.mark.parametrize(
    "let_go",
    [
        lambda market: market.say("ack-ann", accept=False, reason="busy"),
        lambda market: market.fail("ack-ann", code="crashed"),
        lambda market: market.fail("ack-ann", state="escalated", code="poison"),
        lambda market: market.say("due-ann"),
    ],
)
def test_a_winner_that_declines_fails_or_is_late_loses_the_award_to_the_next_bid(
    let_go: Any,
) -> None:
    market = Market()
    all_bid(market)
    let_go(market)
    [passed] = market.noted("award.passed_on")
    assert (passed["from"], passed["to"]) == ("ann", "bob")
    assert market.asked() == ["ack-bob"]
    assert len(market.noted("award.made")) == 1


def test_a_winner_that_is_taken_out_of_service_loses_its_turn_to_the_next_bid() -> None:
    market = Market()
    all_bid(market)
    market.say("ack-ann", accept=True)
    market.fail("turn", code="agent_not_active")
    assert market.noted("award.passed_on")[0]["because"] == "agent_not_active"
    market.say("ack-bob", accept=True)
    turns = {row.iteration: row.agent for row in market.rows("turn")}
    assert turns == {0: "ann", 1: "bob"}


def test_a_turn_that_fails_closes_the_contract() -> None:
    market = Market()
    all_bid(market)
    market.say("ack-ann", accept=True)
    market.fail("turn", code="tests_failed")
    assert market.end is not None
    assert (market.end.state, market.end.cause) == ("failed", "draft/turn")


def test_work_nobody_took_is_announced_again_and_then_a_person_is_asked() -> None:
    market = Market(max_reannounce=1)
    for name in PEERS:
        market.say(f"bid-{name}", decline="busy")
    assert market.noted("contract.announced")[1]["answers"]["ann"] == {"decline": "busy"}
    market.bid("ann", 1, 1)
    for name in ("bob", "cid"):
        market.fail(f"bid-{name}", 1)
    market.say("ack-ann", 1, accept=False)
    assert market.end is not None
    assert (market.end.state, market.end.error_code) == ("escalated", "nobody_took_it")
    assert market.open() == []
    assert market.rows("turn") == []


def test_bidding_is_over_with_the_last_bid_that_counts_and_nobody_waits_for_more() -> None:
    market = Market(max_bids=2)
    assert market.rows("bid")[0].task["announcement"]["max_bids"] == 2
    market.bid("cid", 9)
    assert market.noted("award.made") == []
    market.bid("ann", 5)
    [award] = market.noted("award.made")
    assert award["ranking"] == ["ann", "cid"]
    assert award["bids"]["bob"] == {"missing": "max_bids"}
    assert market.asked() == ["ack-ann"]


def test_a_bid_beyond_the_cap_is_refused_however_low_and_stands_in_the_award() -> None:
    market = Market(max_bids=2)
    market.become_bid("cid", 9)
    market.become_bid("ann", 5)
    market.bid("bob", 1)
    [award] = market.noted("award.made")
    assert award["ranking"] == ["ann", "cid"]
    assert award["bids"]["bob"]["price_micro_usd"] == 1
    assert award["bids"]["bob"]["refused"] == "max_bids"


def test_a_bid_that_may_not_win_takes_nobody_s_place_under_the_cap() -> None:
    market = Market(max_bids=1, reserve_price_micro_usd=10)
    market.bid("ann", 11)
    market.say("bid-bob", decline="busy")
    market.bid("cid", 10)
    [award] = market.noted("award.made")
    assert award["winner"] == "cid"
    assert award["bids"]["ann"]["refused"] == "reserve_price"


def test_who_announced_the_work_is_not_asked_for_a_bid_under_any_name_or_version() -> None:
    market = Market(no_self_award=True, by=("lead",), who={"lead": "bob", "bob": "bob"})
    assert market.asked() == ["bid-ann", "bid-cid"]
    assert market.noted("contract.announced")[0]["barred"] == ["bob"]
    assert Market(by=("lead",), who={"lead": "bob", "bob": "bob"}).asked() == BIDS


def test_nobody_is_asked_for_a_bid_on_work_from_his_own_owner() -> None:
    owners = {"lead": "ada", "ann": "ada", "bob": "grace", "cid": "sam"}
    market = Market(no_self_award=True, by=("lead",), owners=owners)
    assert market.asked() == ["bid-bob", "bid-cid"]
    assert market.noted("contract.announced")[0]["barred"] == ["ann"]
    assert Market(by=("lead",), owners=owners).asked() == BIDS


def test_whoever_led_in_the_name_of_a_crew_announced_the_work_and_the_crew_is_nobody() -> None:
    owners = {"ann": "ada", "bob": "grace", "cid": "ada"}
    market = Market(no_self_award=True, by=("crew", "ann"), owners=owners)
    assert market.asked() == ["bid-bob"]


@pytest.mark.parametrize("unknown", ["lead", "bob"])
def test_an_owner_nobody_knows_may_be_the_same(unknown: str) -> None:
    owners = {"lead": "ada", "ann": "grace", "bob": "sam", "cid": "grace"}
    del owners[unknown]
    market = Market(no_self_award=True, by=("lead",), owners=owners)
    assert "bid-bob" not in market.asked()
    assert bool(market.asked()) == (unknown == "bob")


def test_what_the_file_asks_for_nobody_announced() -> None:
    assert Market(no_self_award=True, owners={}).asked() == BIDS


def test_work_that_is_for_nobody_but_who_announced_it_needs_a_person_at_once() -> None:
    market = Market(no_self_award=True, by=PEERS)
    assert market.end is not None
    assert (market.end.state, market.end.error_code) == ("escalated", "nobody_took_it")
    assert market.rows("bid") == []


def test_an_award_that_too_few_voted_for_is_not_made_and_the_work_is_announced_again() -> None:
    market = Market(award="vote", quorum_percent=60)
    all_bid(market)
    market.say("vote-ann", vote="ann")
    market.say("vote-bob", abstain=True)
    market.fail("vote-cid", code="runner_failed")
    assert market.noted("award.made") == []
    [_, again] = market.noted("contract.announced")
    assert again["because"] == "no_quorum"
    assert again["votes"]["bob"] == {"abstain": True}


def test_a_voter_that_is_out_of_service_is_no_member_that_a_quorum_needs() -> None:
    market = Market(award="vote", quorum_percent=100)
    all_bid(market)
    market.say("vote-ann", vote="bob")
    market.say("vote-bob", vote="bob")
    market.fail("vote-cid", code="agent_not_active")
    assert market.noted("award.made")[0]["winner"] == "bob"


def test_without_a_voter_in_service_there_is_no_quorum() -> None:
    market = Market(award="vote", quorum_percent=1)
    all_bid(market)
    for name in PEERS:
        market.fail(f"vote-{name}", code="agent_not_active")
    assert market.noted("award.made") == []


def test_who_was_out_of_service_and_bids_anew_may_win_the_next_announcement() -> None:
    market = Market()
    market.bid("ann", 1)
    for name in ("bob", "cid"):
        market.fail(f"bid-{name}")
    market.say("ack-ann", accept=True)
    market.fail("turn", code="agent_not_active")
    market.bid("ann", 1, 1)
    for name in ("bob", "cid"):
        market.fail(f"bid-{name}", 1)
    market.say("ack-ann", 1, accept=True)
    assert market.asked() == ["turn"]


def test_peers_that_do_not_bid_vote_among_those_that_do() -> None:
    market = Market(award="vote")
    market.bid("ann", 1)
    market.bid("bob", 9)
    market.say("bid-cid", decline="busy")
    assert market.asked() == ["vote-cid"]
    election = market.engine.rows["draft/vote-cid", 0].task["election"]
    assert [bid["bidder"] for bid in election["bids"]] == ["ann", "bob"]
    market.say("vote-cid", vote="bob")
    [award] = market.noted("award.made")
    assert (award["winner"], award["votes"]) == ("bob", {"cid": {"vote": "bob"}})


def test_where_every_peer_bids_all_of_them_vote() -> None:
    market = Market(award="vote")
    all_bid(market)
    assert market.asked() == ["vote-ann", "vote-bob", "vote-cid"]


ANSWERS: dict[str, list[tuple[str, dict[str, Any], str]]] = {
    "timer": [("succeeded", {}, "")],
    "ack": [
        ("succeeded", {"accept": True}, ""),
        ("succeeded", {"accept": False}, ""),
        ("succeeded", {"accept": "maybe"}, ""),
        ("failed", {}, "crashed"),
        ("escalated", {}, "poison"),
    ],
    "turn": [
        ("succeeded", {"done": True}, ""),
        ("failed", {}, "agent_not_active"),
        ("failed", {}, "crashed"),
        ("rejected", {}, "rejected"),
        ("skipped", {}, ""),
    ],
    "bid": [
        ("succeeded", {"price_micro_usd": 1, "eta_s": 2, "confidence": 1}, ""),
        ("succeeded", {"price_micro_usd": 2, "eta_s": 1, "confidence": 0}, ""),
        ("succeeded", {"decline": "busy"}, ""),
        ("succeeded", {"vote": "ann"}, ""),
        ("succeeded", {"winner": "me"}, ""),
        ("failed", {}, "crashed"),
        ("escalated", {}, "poison"),
    ],
}


OPTIONS = st.fixed_dictionaries(
    {"award": st.sampled_from(["lowest_price", "earliest_eta", "best_score", "vote"])},
    optional={
        "max_bids": st.integers(1, 3),
        "quorum_percent": st.integers(1, 100),
        "reserve_price_micro_usd": st.just(1),
    },
)


@given(st.data(), OPTIONS)
def test_every_interleaving_ends_with_one_award_an_announcement_and_one_turn_at_most(
    data: st.DataObject, options: dict[str, Any]
) -> None:
    """The engine of these tests also holds every decision to be the same, however it is told."""
    market = Market(**options)
    for _ in range(200):
        if market.end is not None:
            break
        row = data.draw(st.sampled_from([r for r in market.open() if r.state != "escalated"]))
        state, output, code = data.draw(st.sampled_from(ANSWERS[row.kind]))
        market.become(row.path, row.iteration, state, output, code)
        if any(left.state != "escalated" for left in market.open()) and data.draw(st.booleans()):
            # Two things happen before anybody decides about the first.
            continue
        market.engine.advance()
    assert market.end is not None, "it does not end"
    _check_awards(market)
    assert market.open() == []


def _check_awards(market: Market) -> None:
    made = market.noted("award.made")
    assert len({award["announcement"] for award in made}) == len(made)
    assert len(made) <= len(market.noted("contract.announced")) <= 3
    turns = market.rows("turn")
    assert sum(turn.error_code != "agent_not_active" for turn in turns) <= 1
    accepted = [r.agent for r in market.rows("ack") if r.output.get("accept") is True]
    assert all(turn.agent in accepted for turn in turns), "a loser had the turn"
    assert len(turns) <= len(accepted), "a turn was taken that nobody had accepted"
    most = market.options.get("max_bids", len(PEERS))
    assert all(len(award["ranking"]) <= most for award in made)
    assert market.end is not None
    assert market.end.state == ("escalated" if not turns else _state_of(market))


def _state_of(market: Market) -> str:
    last = market.rows("turn")[-1]
    if last.error_code == "agent_not_active":
        return "escalated"
    return "succeeded" if last.state == "skipped" else last.state
