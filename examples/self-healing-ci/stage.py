"""Makes a project whose suite passes on main, and a branch on which a fault is planted.

`stage.py FOLDER FAULT...` prints the run's inputs. Faults: typo (in an import), name (in a
function), colon (one is missing), logic (a wrong sum, which only an assertion notices), test (a
typo inside a test), protected (the branch is protected, so that people are asked).
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))

from staging import asked_for, commit, git, repository

BRANCH = "feature/totals"
RULES = ".countersign/repository.yaml"
CATALOG = '''"""What the shop sells."""

PRICES = {"tea": 650, "cup": 1450}


def price_of(name: str) -> int:
    """Return the price in cents."""
    return PRICES[name]
'''
BASKET = '''"""A customer's basket."""

from shop.catalog import price_of


def total(names: list[str]) -> int:
    """Return what all of it costs, in cents."""
    amount = 0
    for name in names:
        amount += price_of(name)
    return amount
'''
TEST = """import unittest

from shop.basket import total


class TotalTest(unittest.TestCase):
    def test_an_empty_basket_costs_nothing(self) -> None:
        self.assertEqual(total([]), 0)

    def test_prices_add_up(self) -> None:
        self.assertEqual(total(["tea", "cup"]), 2100)
"""
FAULTS = {
    "typo": ("shop/basket.py", "from shop.catalog import", "from shop.catalgo import"),
    "name": ("shop/basket.py", "    return amount\n", "    return amuont\n"),
    "colon": ("shop/basket.py", "for name in names:", "for name in names"),
    "logic": ("shop/basket.py", "amount += price_of(name)", "amount = price_of(name)"),
    "test": ("tests/test_basket.py", "shop.basket import", "shop.baskte import"),
}


def main() -> None:
    """Make the project, plant what is asked for, and print where it is."""
    folder, faults = asked_for(*FAULTS, "protected")
    files = {
        "shop/__init__.py": "",
        "shop/catalog.py": CATALOG,
        "shop/basket.py": BASKET,
        "tests/__init__.py": "",
        "tests/test_basket.py": TEST,
    }
    free = "" if "protected" in faults else 'unprotected_branches: ["feature/*"]\n'
    shop = repository(folder / "shop", {**files, RULES: free})
    git(shop, "checkout", "--quiet", "-b", BRANCH)
    for fault in sorted(faults & set(FAULTS)):
        path, right, wrong = FAULTS[fault]
        files[path] = files[path].replace(right, wrong)
        commit(shop, "Tidy up (#2)", {path: files[path]})
    git(shop, "checkout", "--quiet", "main")
    print(json.dumps({"repository": str(shop), "branch": BRANCH}))


if __name__ == "__main__":
    main()
