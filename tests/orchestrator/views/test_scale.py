from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.views import scale

SECOND, MINUTE, DAY = 1000, 60_000, 86_400_000
SPANS = st.lists(st.tuples(st.integers(0, DAY), st.integers(0, DAY)), max_size=20)


def test_a_day_of_waiting_leaves_a_second_of_work_visible() -> None:
    axis = scale.build([(0, SECOND), (DAY, DAY + SECOND)], end_ms=DAY + SECOND, live=False)

    assert axis.at(SECOND) > 10
    assert [fold.start_ms for fold in axis.folds] == [SECOND]


def test_a_longer_wait_is_drawn_longer() -> None:
    hour = scale.build([(0, SECOND)], end_ms=60 * MINUTE, live=False)
    day = scale.build([(0, SECOND)], end_ms=DAY, live=False)

    assert day.at(SECOND) < hour.at(SECOND)


def test_short_quiet_is_drawn_to_scale() -> None:
    axis = scale.build([(0, 1000), (1400, 2000)], end_ms=2000, live=False)

    assert axis.folds == ()
    assert axis.at(1000) == 50.0


def test_a_run_that_only_waited_is_not_folded() -> None:
    assert scale.build([], end_ms=DAY, live=True).folds == ()


def test_a_live_run_keeps_room_to_grow() -> None:
    axis = scale.build([(0, 10_000)], end_ms=10_000, live=True)

    assert axis.end == scale.WHOLE - scale.HEADROOM
    assert axis.pace == axis.end / 10
    assert scale.build([(0, 10_000)], end_ms=10_000, live=False).pace == 0


def test_a_run_that_has_just_begun_does_not_fill_the_axis() -> None:
    assert scale.build([(0, 20)], end_ms=20, live=True).end < 5


@given(spans=SPANS, end_ms=st.integers(0, 2 * DAY), live=st.booleans())
def test_time_never_goes_backwards_and_never_leaves_the_track(
    *, spans: list[tuple[int, int]], end_ms: int, live: bool
) -> None:
    axis = scale.build(spans, end_ms=end_ms, live=live)
    places = [axis.at(ms) for ms in range(0, end_ms + 1, max(end_ms // 50, 1))]

    assert places == sorted(places)
    assert all(0 <= place <= scale.WHOLE + 1e-6 for place in places)


@given(SPANS, st.integers(1, 2 * DAY))
def test_named_moments_keep_their_distance(spans: list[tuple[int, int]], end_ms: int) -> None:
    lefts = [tick.left for tick in scale.build(spans, end_ms=end_ms, live=False).ticks()]

    assert lefts[0] == 0
    assert all(b - a >= scale.APART for a, b in pairwise(lefts))
