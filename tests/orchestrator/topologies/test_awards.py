"""Awards: equal bids give equal awards, and the rule of the file says which bid is best."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.topologies.awards import Arrival, Terms, by_bid, by_votes, refused

EVEN = {"price": 1, "eta": 1, "confidence": 1}
BIDS: dict[str, dict[str, Any]] = {
    "cheap": {"price_micro_usd": 10, "eta_s": 100, "confidence": 0.5},
    "quick": {"price_micro_usd": 100, "eta_s": 10, "confidence": 0.5},
    "sure": {"price_micro_usd": 60, "eta_s": 60, "confidence": 1},
}
bids = st.dictionaries(
    st.sampled_from("abcdef"),
    st.fixed_dictionaries(
        {
            "price_micro_usd": st.integers(0, 3),
            "eta_s": st.integers(0, 3),
            "confidence": st.floats(0, 1),
        }
    ),
    min_size=1,
)


@pytest.mark.parametrize(
    ("award", "winner"),
    [("lowest_price", "cheap"), ("earliest_eta", "quick"), ("best_score", "sure")],
)
def test_the_rule_says_which_bid_is_best(award: str, winner: str) -> None:
    assert by_bid("a!0", award, BIDS, EVEN)[0] == winner


def test_weights_say_what_a_score_is_made_of() -> None:
    assert by_bid("a!0", "best_score", BIDS, {**EVEN, "price": 9})[0] == "cheap"


def test_votes_say_who_is_first() -> None:
    papers: list[dict[str, Any]] = [
        {"vote": "quick"},
        {"vote": "quick"},
        {"vote": "cheap"},
        {"abstain": True},
    ]
    assert by_votes("a!0", BIDS, papers)[:2] == ("quick", "cheap")


def test_equal_bids_are_not_always_won_by_the_same_agent() -> None:
    same: dict[str, dict[str, Any]] = dict.fromkeys(("ann", "bob"), BIDS["cheap"])
    winners = {by_bid(f"{n}!0", "lowest_price", same, EVEN)[0] for n in range(20)}
    assert winners == {"ann", "bob"}


@given(bids, st.sampled_from(["lowest_price", "earliest_eta", "best_score"]))
def test_everybody_who_bid_is_ranked_once_whatever_the_order_of_bids(
    found: dict[str, dict[str, float]], award: str
) -> None:
    ranking = by_bid("a!0", award, found, EVEN)
    assert sorted(ranking) == sorted(found)
    assert by_bid("a!0", award, dict(reversed(found.items())), EVEN) == ranking


papers = st.one_of(
    st.fixed_dictionaries(
        {
            "price_micro_usd": st.integers(0, 3),
            "eta_s": st.integers(0, 1),
            "confidence": st.sampled_from([0, 0.5, 1]),
        }
    ),
    st.just({"decline": "busy"}),
)


def arrived(found: list[dict[str, Any]], orders: list[int]) -> list[Arrival]:
    return [Arrival(*one) for one in zip("abcdef", found, orders, strict=False)]


arrivals = st.builds(arrived, st.lists(papers, max_size=6), st.permutations(range(1, 7)))
terms = st.builds(
    Terms,
    closed=st.none() | st.integers(0, 7),
    reserve_price=st.none() | st.integers(0, 3),
    max_bids=st.none() | st.integers(1, 3),
    barred=st.frozensets(st.sampled_from("abcdef")),
)


@given(st.data(), arrivals, terms, st.sampled_from(["lowest_price", "earliest_eta", "best_score"]))
def test_any_order_in_which_bids_are_told_gives_the_same_winner(
    data: st.DataObject, found: list[Arrival], terms: Terms, award: str
) -> None:
    def won(told: list[Arrival]) -> tuple[str, ...]:
        because = refused(told, terms)
        standing = {one.peer: one.paper for one in told if one.peer not in because}
        return by_bid("a!0", award, standing, EVEN)

    ranking = won(found)
    assert won(data.draw(st.permutations(found))) == ranking
    for one in found:
        if one.peer in ranking:
            assert one.peer not in terms.barred, "who announced the work won it"
            assert terms.closed is None or one.order <= terms.closed, "a late bid won"
            assert "decline" not in one.paper
            price = one.paper["price_micro_usd"]
            assert terms.reserve_price is None or price <= terms.reserve_price


@given(arrivals, terms)
def test_a_cap_refuses_only_bids_that_came_after_all_that_fill_it(
    found: list[Arrival], terms: Terms
) -> None:
    because = refused(found, terms)
    full = [one.order for one in found if because.get(one.peer) == "max_bids"]
    counted = [one.order for one in found if one.peer not in because]
    assert not full or (len(counted) == terms.max_bids and max(counted) < min(full))
