import pytest

from governance.budgeting.amounts import micro_usd, usd


@pytest.mark.parametrize(
    ("text", "amount"),
    [("12.00", 12_000_000), ("0", 0), ("0.000001", 1), ("0.29", 290_000), ("1e2", 100_000_000)],
)
def test_money_is_read_exactly(text: str, amount: int) -> None:
    assert micro_usd(text) == amount


@pytest.mark.parametrize("text", ["0.0000001", "-1", "nan", "inf", "ten", "1000000001", ""])
def test_what_is_no_amount_of_money_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        micro_usd(text)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(12_000_000, "12.00"), (1, "0.000001"), (290_000, "0.29"), (0, "0.00"), (1_500, "0.0015")],
)
def test_people_read_as_many_decimals_as_there_are(amount: int, text: str) -> None:
    assert usd(amount) == text
