"""Branches of the demo shop, each a believable improvement that reviewers can judge."""

from dataclasses import dataclass
from types import MappingProxyType

from orchestrator.demo.history import BASKET, CATALOG, INES, RECEIPT, Change


@dataclass(frozen=True, slots=True)
class Improvement:
    """A branch: its name and its commits, oldest first."""

    branch: str
    changes: tuple[Change, ...]


DISCOUNTS = '''\
"""What buying more of one product saves."""

# From this many of one product on, so many percent off that product.
STEPS = ((20, 12), (10, 8), (5, 3))


def discount(amount: int, cents: int) -> int:
    """Return how many of `cents` are saved, rounded down to whole cents."""
    for at_least, percent in STEPS:
        if amount >= at_least:
            return cents * percent // 100
    return 0
'''

BASKET_WITH_DISCOUNTS = BASKET.replace(
    "from shop.catalog import product\n",
    "from shop.catalog import product\nfrom shop.discounts import discount\n",
).replace(
    '''\
    def total(self) -> int:
        """Return what the basket costs, in cents."""
        return sum(cents for _, _, cents in self.lines())
''',
    '''\
    def saved(self) -> int:
        """Return what buying more of one product saves, in cents."""
        return sum(discount(amount, cents) for _, amount, cents in self.lines())

    def total(self) -> int:
        """Return what the basket costs after discounts, in cents."""
        return sum(cents for _, _, cents in self.lines()) - self.saved()
''',
)

RECEIPT_WITH_DISCOUNTS = RECEIPT.replace(
    """\
    return "\\n".join([*lines, f"{'Total':<30}{money(basket.total()):>9}"])
""",
    """\
    if basket.saved():
        lines.append(f"{'Discount':<30}{'-' + money(basket.saved()):>9}")
    return "\\n".join([*lines, f"{'Total':<30}{money(basket.total()):>9}"])
""",
)

TEST_DISCOUNTS = """\
import decimal
import unittest

from shop.basket import Basket
from shop.discounts import discount
from shop.receipt import receipt


class DiscountTest(unittest.TestCase):
    def test_four_of_a_kind_save_nothing(self) -> None:
        self.assertEqual(discount(4, 4 * 650), 0)

    def test_each_step_begins_exactly_at_its_amount(self) -> None:
        saved = [discount(amount, 10_000) for amount in (5, 9, 10, 19, 20)]
        self.assertEqual(saved, [300, 300, 800, 800, 1200])

    def test_half_a_cent_is_never_given_away(self) -> None:
        self.assertEqual(discount(5, 650), 19)

    def test_the_receipt_tells_what_was_saved(self) -> None:
        basket = Basket()
        basket.add("TEA-01", 10)
        self.assertIn("-5.20", receipt(basket))
        self.assertEqual(basket.total(), 5980)
"""

README_WITH_DISCOUNTS = """\
# Shop

Prices, baskets and receipts of a small shop. Amounts are whole cents, so nothing is lost to
rounding before the end.

From 5 of one product on there is a discount: 3 % from 5, 8 % from 10, 12 % from 20.

    python -m unittest
"""

FIRST = Improvement(
    "volume-discounts",
    (
        Change(
            "Give discounts for buying more of one product (#12)",
            INES,
            29,
            MappingProxyType(
                {"shop/discounts.py": DISCOUNTS, "shop/basket.py": BASKET_WITH_DISCOUNTS}
            ),
        ),
        Change(
            "Tell on the receipt what was saved (#12)",
            INES,
            27,
            MappingProxyType({"shop/receipt.py": RECEIPT_WITH_DISCOUNTS}),
        ),
        Change(
            "Test discounts at their boundaries (#12)",
            INES,
            3,
            MappingProxyType(
                {"tests/test_discounts.py": TEST_DISCOUNTS, "README.md": README_WITH_DISCOUNTS}
            ),
        ),
    ),
)

_PRICES = ("650", "890", "4900", "1450")


def further(number: int) -> Improvement:
    """Return one more branch, different for every number from 1 on: a price review.

    It touches a line that no other of its neighbours touches in the same way, and nothing that
    the discounts touch, so that it merges whatever was merged before.
    """
    name = ("Assam", "Sencha", "Teapot", "Cup")[number % 4]
    old = _PRICES[number % 4]
    new = str(int(old) + 10 * (1 + number // 4))
    files = {"shop/catalog.py": CATALOG.replace(f", {old})", f", {new})")}
    message = f"Review the price of the {name.lower()} (#{20 + number})"
    change = Change(message, INES, 2, MappingProxyType(files))
    return Improvement(f"price-review-{number}", (change,))
