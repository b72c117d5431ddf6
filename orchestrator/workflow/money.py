"""Where a workflow file speaks of money, and what its budgets amount to.

Money is read from the text of the file, so that 0.29 is 290,000 millionths and never a float.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.budgeting.amounts import micro_usd

_MONEY = frozenset({"usd", "compensation_reserve_usd"})
_COUNTED = ("tokens", "tool_calls", "compute_seconds")
ALERTS = (50, 80, 100)


@dataclass(frozen=True, slots=True)
class BudgetRule:
    """What one run may use, by unit. `reserve` is money kept for undoing, on top of that.

    Runs that wait for budget are served by `priority`. `on_exhausted` says what follows when a
    step finds nothing left: a person is asked, or the run stops.
    """

    caps: Mapping[str, int]
    reserve: int
    alerts: tuple[int, ...]
    on_exhausted: str
    priority: int


def is_money(place: tuple[str | int, ...]) -> bool:
    """Whether the value at this place of a file is an amount of money, to be kept as text."""
    if len(place) < 2 or place[-2] != "budget" or place[-1] not in _MONEY:  # noqa: PLR2004 - a key within `budget`
        return False
    return _is_node(place[:-2])


def amounts_of(plain: Mapping[str, Any]) -> dict[str, int]:
    """Return the amounts of a `budget`, by unit."""
    counted = {unit: plain[unit] for unit in _COUNTED if unit in plain}
    money = {"micro_usd": micro_usd(plain["usd"])} if "usd" in plain else {}
    return {**money, **counted}


def rule_of(plain: Mapping[str, Any]) -> BudgetRule:
    """Return the budget of a file that passed its checks."""
    return BudgetRule(
        caps=amounts_of(plain),
        reserve=micro_usd(plain.get("compensation_reserve_usd", "0")),
        alerts=tuple(plain.get("alerts", ALERTS)),
        on_exhausted=plain.get("on_exhausted", "escalate"),
        priority=plain.get("priority", 5),
    )


def _is_node(place: tuple[str | int, ...]) -> bool:
    """Whether a place is the file itself, or a step or block of it."""
    rest = place
    while rest:
        match rest:
            case ("steps", int(), *inner) | ("branches", str(), *inner) | ("do", *inner):
                rest = tuple(inner)
            case _other:
                return False
    return True
