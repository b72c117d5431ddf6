from hypothesis import given
from hypothesis import strategies as st

from governance.budgeting.levels import Level
from governance.budgeting.queueing import Waiter, in_order, next_to_go

WAITERS = st.lists(
    st.builds(
        Waiter,
        st.uuids().map(str),
        st.integers(0, 9),
        st.integers(0, 20_000),
        st.integers(0, 50),
        st.dictionaries(st.integers(1, 3), st.integers(1, 30), min_size=1),
    ),
    max_size=12,
    unique_by=lambda waiter: waiter.id,
)
LEVELS = st.tuples(*[st.builds(Level, st.integers(0, 60))] * 3).map(
    lambda found: dict(enumerate(found, 1))
)


def waiter(
    id: str, *, priority: int = 5, waited: int = 0, left: int = 5, level: int = 1, need: int = 5
) -> Waiter:
    return Waiter(id, priority, waited, left, {level: need})


def ids(waiters: list[Waiter]) -> list[str]:
    return [found.id for found in waiters]


def test_priority_comes_first_then_who_has_least_left() -> None:
    queue = [waiter("big", left=9), waiter("small", left=2), waiter("urgent", priority=6, left=99)]
    assert ids(in_order(queue)) == ["urgent", "small", "big"]


def test_waiting_counts_as_priority() -> None:
    queue = [waiter("new", priority=6), waiter("old", priority=5, waited=1300)]
    assert ids(in_order(queue)) == ["old", "new"]


def test_nobody_overtakes_who_waits_for_the_same_level() -> None:
    level = Level(10, held=4)
    queue = [waiter("first", priority=9, need=8), waiter("second", need=2)]
    assert next_to_go(queue, {1: level}) == []


def test_who_could_never_fit_stands_in_nobodys_way() -> None:
    queue = [waiter("never", priority=9, need=11), waiter("second", need=2)]
    assert next_to_go(queue, {1: Level(10)}) == ["second"]


def test_who_waits_elsewhere_stands_in_nobodys_way() -> None:
    queue = [waiter("first", priority=9, need=8), waiter("other", level=2)]
    assert next_to_go(queue, {1: Level(10, held=4), 2: Level(10)}) == ["other"]


@given(WAITERS, LEVELS)
def test_those_who_go_fit_together(waiters: list[Waiter], levels: dict[int, Level]) -> None:
    going = next_to_go(waiters, levels)
    for key, level in levels.items():
        taken = sum(w.needs.get(key, 0) for w in waiters if w.id in going)
        assert taken <= level.left


@given(WAITERS, LEVELS)
def test_the_first_who_can_go_does_go(waiters: list[Waiter], levels: dict[int, Level]) -> None:
    going = next_to_go(waiters, levels)
    for found in in_order(waiters):
        answers = {levels[key].answer(need) for key, need in found.needs.items()}
        if answers == {"held"}:
            assert found.id in going
        if answers != {"exhausted"} and "exhausted" not in answers:
            break
