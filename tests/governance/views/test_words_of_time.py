from datetime import timedelta

import pytest
from django.utils import timezone

from governance.templatetags.interface import is_soon, lasting, spelled


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(days=7), "7 days"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(days=1, hours=12), "1 day 12 hours"),
        (timedelta(minutes=90), "1 hour 30 minutes"),
        (timedelta(seconds=45), "45 seconds"),
        (timedelta(), "0 seconds"),
    ],
)
def test_a_limit_is_written_out(span: timedelta, words: str) -> None:
    assert spelled(span) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.04, "< 0.1 s"),
        (0.4, "0.4 s"),
        (12, "12 s"),
        (192, "3 min 12 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_what_lasted_is_shown_short_and_never_as_nothing_when_it_was_something(
    seconds: float, words: str
) -> None:
    assert lasting(seconds) == words


def test_less_than_an_hour_is_soon() -> None:
    now = timezone.now()
    assert is_soon(now + timedelta(minutes=59))
    assert is_soon(now - timedelta(minutes=1))
    assert not is_soon(now + timedelta(hours=2))
