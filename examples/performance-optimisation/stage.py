"""Makes a program with a workload: `stage.py FOLDER FAULT...`, and prints the run's inputs.

Faults, one at a time: membership (a list is searched for every order), recompute (a pure function
computes the same again and again), reread (a file is read for every order), mystery (it is slow,
and for a reason that no expert here knows). Without one the workload is fast enough.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))

from staging import asked_for, repository

MEMBERSHIP = """
def kept(orders, blocked):
    names = [f"customer-{n}" for n in range(blocked)]
    return [order for order in orders if f"customer-{order}" not in names]
"""
KEPT = """
def kept(orders, blocked):
    names = {f"customer-{n}" for n in range(blocked)}
    return [order for order in orders if f"customer-{order}" not in names]
"""
RECOMPUTE = """
def rate(region):
    total = 0
    for step in range(3000):
        total += (region * step) % 7
    return 1 + total % 20 / 100
"""
RATE = """
RATES = {region: 1 + region / 100 for region in range(10)}


def rate(region):
    return RATES[region]
"""
MYSTERY = """
def rate(region):
    total = 0.0
    for step in range(1_500_000):
        total += 1 / (region + step + 1)
    return 1 + total % 20 / 100
"""
REREAD = """
def currency(name):
    with open(name, encoding="utf-8") as file:
        return [line for line in file.read().split() if line.startswith("EUR")][0]
"""
CURRENCY = """
def currency(name):
    return "EUR"
"""
WORKLOAD = '''"""A day of orders, as they come in."""

import orders

REGIONS = {regions}


def main():
    kept = orders.kept(range({amount}), {blocked})
    return sum(orders.rate(order % REGIONS) for order in kept), [
        orders.currency("currencies.txt") for _ in kept
    ]


if __name__ == "__main__":
    main()
'''
TESTS = """import unittest

import orders


class OrdersTest(unittest.TestCase):
    def test_orders_of_blocked_customers_are_left_out(self):
        self.assertEqual(orders.kept(range(5), 3), [3, 4])

    def test_a_rate_is_never_below_one(self):
        self.assertGreaterEqual(orders.rate(3), 1)

    def test_the_currency_is_known(self):
        self.assertEqual(orders.currency("currencies.txt"), "EUR")


if __name__ == "__main__":
    unittest.main()
"""


def main() -> None:
    """Make the repository with what is asked for, and print where it is."""
    folder, faults = asked_for("membership", "recompute", "reread", "mystery")
    parts = [
        MEMBERSHIP if "membership" in faults else KEPT,
        RECOMPUTE if "recompute" in faults else MYSTERY if "mystery" in faults else RATE,
        REREAD if "reread" in faults else CURRENCY,
    ]
    amount = 12000 if "membership" in faults else 4000 if "reread" in faults else 2000
    sizes = {
        "amount": amount,
        "blocked": 3000 if "membership" in faults else 10,
        "regions": 1 if "mystery" in faults else 10,
    }
    if "mystery" in faults:
        sizes["amount"] = 14
    place = repository(
        folder / "orders",
        {
            "orders.py": '"""Orders of a shop."""\n\n' + "\n\n".join(parts).strip() + "\n",
            "workload.py": WORKLOAD.format(**sizes),
            "test_orders.py": TESTS,
            "currencies.txt": "\n".join(["USD", "EUR", *map(str, range(1000))]) + "\n",
        },
    )
    print(json.dumps({"repository": str(place), "target_ms": 60}))


if __name__ == "__main__":
    main()
