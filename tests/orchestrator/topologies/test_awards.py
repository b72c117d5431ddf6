"""Awards: equal bids give equal awards, and the rule of the file says which bid is best."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.topologies.awards import by_bid, by_votes

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
