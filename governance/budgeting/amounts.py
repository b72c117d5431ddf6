"""What budgets count, in whole numbers: money in millionths of a dollar, never a float."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

MICRO = 1_000_000
MOST = 10**15

# The units of every budget, in the order in which people read them.
UNITS = ("micro_usd", "tokens", "tool_calls", "compute_seconds")

Amounts = Mapping[str, int]


def micro_usd(text: str) -> int:
    """Return millionths of a dollar for `12.00`; raises ValueError for what is no such amount."""
    try:
        amount = Decimal(text) * MICRO
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount of money such as 12.00") from None
    if not amount.is_finite() or not 0 <= amount <= MOST or amount != int(amount):
        raise ValueError(f"{text!r} is not an amount from 0 with at most six decimal places")
    return int(amount)


def amount_from(unit: str, text: str) -> int:
    """Return what a person wrote: dollars, or a whole number of any other unit.

    Raises ValueError for what is no such amount.
    """
    plain = text.strip().replace(",", "")
    if unit == "micro_usd":
        return micro_usd(plain)
    if not plain.isascii() or not plain.isdigit() or int(plain) > MOST:
        raise ValueError(f"{text!r} is not a whole number")
    return int(plain)


def usd(amount: int) -> str:
    """Return dollars for people: at least two decimal places and no more than are needed."""
    text = f"{Decimal(amount) / MICRO:.6f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"


def without_zeros(amounts: Amounts) -> dict[str, int]:
    """Return only what there is something of."""
    return {unit: amount for unit, amount in amounts.items() if amount}
