"""The demo shop as its repository knows it: commits with their files, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

OLGA = ("Olga Petrova", "olga@shop.example")
INES = ("Ines Moreau", "ines@shop.example")
AUTHORS = (OLGA, INES)


@dataclass(frozen=True, slots=True)
class Change:
    """One commit: who made it how many hours ago, and the files it writes."""

    message: str
    author: tuple[str, str]
    hours_ago: int
    files: Mapping[str, str]


README = """\
# Shop

Prices, baskets and receipts of a small shop. Amounts are whole cents, so nothing is lost to
rounding before the end.

    python -m unittest
"""

CATALOG = '''\
"""What the shop sells."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """One article and its price in cents."""

    sku: str
    name: str
    cents: int


PRODUCTS = {
    product.sku: product
    for product in (
        Product("TEA-01", "Assam, 100 g", 650),
        Product("TEA-02", "Sencha, 100 g", 890),
        Product("POT-01", "Teapot, cast iron", 4900),
        Product("CUP-01", "Cup, stoneware", 1450),
    )
}


def product(sku: str) -> Product:
    """Return the product with this number; raises KeyError for an unknown one."""
    return PRODUCTS[sku]
'''

BASKET = '''\
"""A customer's basket."""

from collections import Counter

from shop.catalog import product


class Basket:
    """Counts products by their number."""

    def __init__(self) -> None:
        self._amounts: Counter[str] = Counter()

    def add(self, sku: str, amount: int = 1) -> None:
        """Put `amount` of a product into the basket."""
        if amount < 1:
            raise ValueError("an amount is at least 1")
        product(sku)
        self._amounts[sku] += amount

    def lines(self) -> list[tuple[str, int, int]]:
        """Return name, amount and cents of every product, in the order they came."""
        return [
            (product(sku).name, amount, product(sku).cents * amount)
            for sku, amount in self._amounts.items()
        ]

    def total(self) -> int:
        """Return what the basket costs, in cents."""
        return sum(cents for _, _, cents in self.lines())
'''

RECEIPT = '''\
"""Receipts as plain text."""

from shop.basket import Basket


def money(cents: int) -> str:
    """Return an amount as people read it."""
    return f"{cents // 100}.{cents % 100:02d}"


def receipt(basket: Basket) -> str:
    """Return the receipt of a basket, one product on each line."""
    lines = [f"{amount:>3} x {name:<24}{money(cost):>9}" for name, amount, cost in basket.lines()]
    return "\\n".join([*lines, f"{'Total':<30}{money(basket.total()):>9}"])
'''

TEST_BASKET = """\
import unittest

from shop.basket import Basket
from shop.receipt import receipt


class BasketTest(unittest.TestCase):
    def test_total_adds_up_what_was_put_in(self) -> None:
        basket = Basket()
        basket.add("TEA-01", 2)
        basket.add("CUP-01")
        self.assertEqual(basket.total(), 2750)

    def test_an_unknown_product_is_refused(self) -> None:
        with self.assertRaises(KeyError):
            Basket().add("TEA-99")

    def test_the_receipt_ends_with_the_total(self) -> None:
        basket = Basket()
        basket.add("POT-01")
        self.assertTrue(receipt(basket).endswith("49.00"))
"""

RULES = """\
# Countersign reads this at the head of the branch that is merged into.
require_signed_commits: true
unprotected_branches: ["try/*"]
"""

# `allowed_signers` is written with the keys that were made for this demo.
SIGNERS = ".countersign/allowed_signers"

MAIN = (
    Change(
        "Begin the shop with its catalogue (#1)",
        OLGA,
        26 * 24,
        MappingProxyType(
            {"README.md": README, "shop/__init__.py": "", "shop/catalog.py": CATALOG}
        ),
    ),
    Change(
        "Add baskets and receipts (#3)",
        INES,
        19 * 24,
        MappingProxyType(
            {
                "shop/basket.py": BASKET,
                "shop/receipt.py": RECEIPT,
                "tests/__init__.py": "",
                "tests/test_basket.py": TEST_BASKET,
            }
        ),
    ),
    Change(
        "Demand signed commits (#8)",
        OLGA,
        6 * 24,
        MappingProxyType({".countersign/repository.yaml": RULES}),
    ),
)
