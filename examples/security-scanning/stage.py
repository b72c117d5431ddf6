"""Makes seven repositories to scan: `stage.py FOLDER FAULT...`, and prints the run's inputs.

Faults: secret (an AWS key in one of them), hole (a shell command made of what a user types),
broken (a repository whose objects are damaged).
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))

from staging import asked_for, commit, git, repository

SERVICES = ("basket", "catalog", "invoices", "orders", "payments", "shipping", "stock")
# In parts, so that no scanner takes this file for a leak.
KEY = "AKIA" + "IOSFODNN7" + "EXAMPLE"

MODULE = '''"""What {name} are called."""

TITLE = "{name}"


def described(amount: int) -> str:
    """Say how many there are."""
    return f"{{amount}} {{TITLE}}"
'''
TEST = """import unittest

from {name} import described


class DescribedTest(unittest.TestCase):
    def test_it_says_how_many(self) -> None:
        self.assertEqual(described(2), "2 {name}")
"""
HOLE = '''"""Lists what was shipped."""

import subprocess


def listed(place: str) -> int:
    return subprocess.call("ls " + place, shell=True)
'''


def main() -> None:
    """Make the repositories, plant what is asked for, and print where they are."""
    folder, faults = asked_for("secret", "hole", "broken")
    places = {name: made(folder / name, name) for name in SERVICES}
    if "secret" in faults:
        commit(places["payments"], "Pay (#2)", {"deploy/settings.ini": f"[aws]\nkey = {KEY}\n"})
    if "hole" in faults:
        commit(places["shipping"], "List (#2)", {"listing.py": HOLE})
    if "broken" in faults:
        damage(places["orders"])
    print(json.dumps({"repositories": [str(place) for place in places.values()]}))


def made(place: Path, name: str) -> Path:
    """Make one service's repository."""
    files = {f"{name}.py": MODULE.format(name=name), f"test_{name}.py": TEST.format(name=name)}
    return repository(place, {**files, "README.md": f"# {name.capitalize()}\n"})


def damage(place: Path) -> None:
    """Take the tree of the last commit away, as a disk that fails does."""
    tree = git(place, "rev-parse", "HEAD^{tree}")
    (place / ".git" / "objects" / tree[:2] / tree[2:]).unlink()


if __name__ == "__main__":
    main()
