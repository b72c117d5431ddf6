import pytest

from governance.budgeting.burning import Rate, is_too_fast, usual

USUAL = [Rate(100_000, 60), Rate(200_000, 120), Rate(90_000, 60), Rate(5, 60), Rate(900_000, 60)]


def test_the_median_is_what_is_usual() -> None:
    assert usual(USUAL) == 100_000


@pytest.mark.parametrize(
    ("spent", "answer"), [(300_000, False), (300_001, True), (100_000, False)]
)
def test_more_than_three_times_the_median_is_too_fast(spent: int, *, answer: bool) -> None:
    assert is_too_fast(Rate(spent, 60), USUAL) is answer


def test_little_is_said_where_little_is_known_or_spent() -> None:
    assert not is_too_fast(Rate(10**9, 60), USUAL[:4])
    assert not is_too_fast(Rate(9_999, 60), [Rate(1, 60)] * 5)
