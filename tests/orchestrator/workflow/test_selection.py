from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.workflow.definition import Slot
from orchestrator.workflow.selection import Candidate, as_told, covers, from_told, select

SLOT = Slot(("scan",), ("repo:shop/main",), "staging", 500)
SCOUT = Candidate("scout", 1, "active", "staging", ("scan",), ("repo:shop/*",), 100)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lifecycle": "suspended"}, "not_active: suspended"),
        ({"capabilities": ("read",)}, "lacks_capability: scan"),
        ({"environment": "production"}, "other_environment: production"),
        ({"scopes": ("repo:other/*",)}, "out_of_scope: repo:shop/main"),
        ({"price": None}, "no_price"),
        ({"price": 501}, "too_expensive: 501"),
    ],
)
def test_whoever_cannot_fill_the_slot_is_told_why(change: dict[str, object], reason: str) -> None:
    choice = select(SLOT, [replace(SCOUT, **change)])  # type: ignore[arg-type]  # by name
    assert (choice.agent, dict(choice.rejected)) == ("", {"scout@1": reason})


def test_the_cheapest_is_taken_then_the_first_by_name_in_its_highest_version() -> None:
    cheap = replace(SCOUT, slug="zed", price=50)
    newer = replace(SCOUT, version=2)
    other = replace(SCOUT, slug="tom")
    assert select(SLOT, [SCOUT, cheap, newer]).agent == "zed@1"
    choice = select(SLOT, [other, SCOUT, newer])
    assert choice.agent == "scout@2"
    assert set(choice.rejected.values()) == {"not_preferred"}
    free = replace(SLOT, max_price=None)
    assert select(free, [replace(SCOUT, slug="a", price=None), SCOUT]).agent == "scout@1"


CANDIDATES = st.builds(
    Candidate,
    st.sampled_from(["a", "b", "c"]),
    st.integers(1, 3),
    st.sampled_from(["active", "suspended"]),
    st.just("staging"),
    st.sampled_from([("scan",), ("scan", "read"), ()]),
    st.just(("repo:*",)),
    st.none() | st.integers(0, 600),
)


@given(st.lists(CANDIDATES, max_size=8, unique_by=lambda one: one.ref), st.randoms())
def test_the_order_of_the_candidates_changes_nothing_and_the_event_says_it_all(
    candidates: list[Candidate], random: object
) -> None:
    shuffled = list(candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a Random
    choice = select(SLOT, candidates)
    assert select(SLOT, shuffled) == choice
    told = as_told("scan", candidates, choice)
    assert select(SLOT, from_told(told)) == choice
    assert len(choice.rejected) + bool(choice.agent) == len(candidates)


def test_a_scope_covers_itself_and_what_its_pattern_matches() -> None:
    assert covers(["repo:*"], "repo:shop/main")
    assert covers(["repo:shop"], "repo:shop")
    assert not covers(["repo:shop"], "repo:shop/main")
    assert not covers(["deploy:*"], "repo:shop")
