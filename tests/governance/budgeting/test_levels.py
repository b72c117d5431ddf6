"""The arithmetic of a budget, and that no interleaving of runs overspends any level of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.budgeting.levels import Level
from tests.harness.examples import tried

CAPS = st.tuples(*[st.integers(0, 60)] * 3)
# Who does it, how much they want, and how much they turn out to use of what they held.
STEPS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 30), st.integers(0, 100)), max_size=60
)


@pytest.mark.parametrize(
    ("level", "need", "answer"),
    [
        (Level(10), 10, "held"),
        (Level(10), 11, "exhausted"),
        (Level(10, held=1), 10, "wait"),
        (Level(10, spent=1), 10, "exhausted"),
        (Level(10, spent=1, renews=True), 10, "wait"),
        (Level(10, held=3, spent=4), 6, "wait"),
        (Level(10, held=3, spent=4), 7, "exhausted"),
    ],
)
def test_holds_make_it_wait_and_spending_exhausts_it(level: Level, need: int, answer: str) -> None:
    assert level.answer(need) == answer


def test_what_goes_beyond_the_cap_is_charged_and_recorded() -> None:
    level = Level(10).hold(4).settle(4, used=13)
    assert (level.held, level.spent, level.overrun, level.left) == (0, 13, 3, 0)


def test_nothing_that_is_not_held_can_be_settled() -> None:
    with pytest.raises(ValueError, match="is not held"):
        Level(10).hold(4).settle(5, used=1)


@tried(10_000)
@given(CAPS, STEPS)
def test_no_interleaving_overspends_any_level(
    caps: tuple[int, int, int], steps: list[tuple[int, int, int]]
) -> None:
    """Six holders, one after another in any order, take all of three levels or none of them."""
    levels, holds = [Level(cap) for cap in caps], dict[int, int]()
    for who, need, share in steps:
        if who in holds:
            held = holds.pop(who)
            levels = [level.settle(held, used=held * share // 100) for level in levels]
        elif all(level.answer(need) == "held" for level in levels):
            levels, holds[who] = [level.hold(need) for level in levels], need
        for level in levels:
            assert level.held == sum(holds.values())
            assert level.held + level.spent <= level.cap
            assert level.overrun == 0


@tried(1_000)
@given(st.integers(0, 60), STEPS)
def test_beyond_a_cap_there_is_only_what_was_recorded(
    cap: int, steps: list[tuple[int, int, int]]
) -> None:
    level, holds = Level(cap), dict[int, int]()
    for who, need, used in steps:
        if who in holds:
            level = level.settle(holds.pop(who), used)
        elif level.answer(need) == "held":
            level, holds[who] = level.hold(need), need
        assert level.held + level.spent <= level.cap + level.overrun
        assert level.overrun <= level.spent
