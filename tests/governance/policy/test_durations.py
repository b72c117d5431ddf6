from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy.durations import LONGEST, parse_duration


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT30M", timedelta(minutes=30)),
        ("PT2H", timedelta(hours=2)),
        ("PT90S", timedelta(seconds=90)),
        ("P1D", timedelta(days=1)),
        ("P2W", timedelta(weeks=2)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
    ],
)
def test_an_iso_8601_duration_is_read(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1DT",
        "30M",
        "PT30",
        "pt30m",
        "P1Y",
        "P1M",
        "PT-5M",
        "PT1.5H",
        " PT1M",
        "PT1M\n",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["PT0S", "P0D", "P31D", "P99999999999999999999D"])
def test_nothing_and_more_than_thirty_days_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 30 days"):
        parse_duration(text)


@given(st.integers(1, int(LONGEST.total_seconds())))
def test_every_number_of_seconds_up_to_the_longest_is_read(seconds: int) -> None:
    assert parse_duration(f"PT{seconds}S") == timedelta(seconds=seconds)


@given(st.text())
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    with suppress(ValueError):
        assert timedelta() < parse_duration(text) <= LONGEST
