"""What a turn of a model costs, in millionths of a dollar, always rounded up."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings

from governance.budgeting.amounts import MICRO

MOST_REPORTED = 10**12


def cost_of(model: str, *, input_tokens: int, output_tokens: int) -> int | None:
    """Return what the tokens cost; None for a model whose price nobody knows.

    `settings.MODEL_PRICES` wins over the list of genai-prices, which is bundled: nothing is
    fetched.
    """
    own = settings.MODEL_PRICES.get(model)
    if own is not None:
        return _rounded(
            Decimal(own["input"]) * input_tokens / MICRO
            + Decimal(own["output"]) * output_tokens / MICRO
        )
    if not model:
        return None
    prices = _price_list()
    usage = prices.Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    try:
        return _rounded(prices.calc_price(usage, model).total_price)
    except LookupError:
        return None


@cache
def _price_list() -> Any:
    """Return the bundled list. Reading it takes a second, so only who needs a price does."""
    return import_module("genai_prices")


def reported(usage: Mapping[str, Any], name: str) -> int:
    """Return a number that a runner reports. It is a stranger's: nonsense counts for nothing."""
    value = usage.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return min(max(value, 0), MOST_REPORTED)


def _rounded(dollars: Decimal) -> int:
    return int((dollars * MICRO).to_integral_value(ROUND_CEILING))
