"""Makes a project whose version 1.0.0 runs in two targets, and a commit that makes it 1.1.0.

`stage.py FOLDER FAULT...` prints the run's inputs. Faults: syntax, test, secret, unsigned, licence
(its text is missing), crash (the service does not start), drift (production lacks a setting that
the new version needs; nothing but the health check in production can see that).
"""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))

from staging import IDENTITY, asked_for, commit, git, repository

FAULTS = ("syntax", "test", "secret", "unsigned", "licence", "crash", "drift")
KEY = "AKIA" + "IOSFODNN7" + "EXAMPLE"

PYPROJECT = '[project]\nname = "shop"\nversion = "{version}"\nlicense = "Apache-2.0"\n'
PACKAGE = '"""Prices of a small shop."""\n\nVERSION = "{version}"\n'
LICENCE = (
    "Apache License\nVersion 2.0, January 2004\nhttps://www.apache.org/licenses/LICENSE-2.0\n"
)
SERVICE = '''"""Serves the shop on loopback, on the port PORT names: /health says how it is."""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from shop import VERSION
from shop.prices import price

SETTINGS = json.loads(Path(os.environ["SETTINGS"]).read_text())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        try:
            status, said = 200, {"version": VERSION, "price": price(333, 3, SETTINGS)}
        except KeyError as missing:
            status, said = 503, {"version": VERSION, "error": f"the setting {missing} is missing"}
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
print(f"listening on {server.server_port}", flush=True)
server.serve_forever()
'''
PRICES = '''"""What things cost, in whole cents."""


def price(cents: int, amount: int, settings: dict) -> str:
    """Return the price of so many, with its currency."""
    return f"{cents * amount} {settings['currency']}"
'''
ROUNDED = '''"""What things cost, in whole cents, rounded as the settings say."""


def price(cents: int, amount: int, settings: dict) -> str:
    """Return the price of so many, with its currency."""
    step = settings["rounding"]
    return f"{(cents * amount + step // 2) // step * step} {settings['currency']}"
'''
TEST = """import unittest

from shop.prices import price


class PriceTest(unittest.TestCase):
    def test_three_cost_three_times_as_much(self) -> None:
        self.assertEqual(price(330, 3, {"currency": "EUR", "rounding": 5}), "990 EUR")
"""
TEST_ROUNDED = (
    TEST
    + """
    def test_prices_are_rounded_to_the_nearest_step(self) -> None:
        self.assertEqual(price(333, 3, {"currency": "EUR", "rounding": 5}), "1000 EUR")
"""
)


def main() -> None:
    """Make project and targets, plant what is asked for, and print where everything is."""
    folder, faults = asked_for(*FAULTS)
    signers = key_in(folder / "keys")
    shop = repository(folder / "shop", first_version())
    targets = {name: folder / name for name in ("staging", "production")}
    for name, place in targets.items():
        settings = {"currency": "EUR", "rounding": 5}
        if "drift" in faults and name == "production":
            del settings["rounding"]
        set_up(place, shop, signers, settings)
    signing = () if "unsigned" in faults else signed_by(folder / "keys")
    commit(shop, "Round prices (#12)", second_version(faults), *signing)
    if "licence" in faults:
        (shop / "LICENSE").unlink()
        commit(shop, "Tidy up (#13)", {}, *signing)
    inputs = {"repository": shop, "branch": "main", **targets}
    print(json.dumps({name: str(value) for name, value in inputs.items()}))


def first_version() -> dict[str, str]:
    """Return the files of 1.0.0."""
    return {
        "pyproject.toml": PYPROJECT.format(version="1.0.0"),
        "LICENSE": LICENCE,
        "shop/__init__.py": PACKAGE.format(version="1.0.0"),
        "shop/__main__.py": SERVICE,
        "shop/prices.py": PRICES,
        "tests/__init__.py": "",
        "tests/test_prices.py": TEST,
    }


def second_version(faults: set[str]) -> dict[str, str]:
    """Return the files that make it 1.1.0, with faults in them."""
    files = {
        "pyproject.toml": PYPROJECT.format(version="1.1.0"),
        "shop/__init__.py": PACKAGE.format(version="1.1.0"),
        "shop/prices.py": ROUNDED,
        "tests/test_prices.py": TEST_ROUNDED,
    }
    if "syntax" in faults:
        files["shop/prices.py"] = ROUNDED.replace("-> str:", "-> str")
    if "test" in faults:
        files["shop/prices.py"] = ROUNDED.replace("+ step // 2", "")
    if "secret" in faults:
        files["deploy.ini"] = f"[aws]\nkey = {KEY}\n"
    if "crash" in faults:
        files["shop/__main__.py"] = SERVICE.replace("import VERSION", "import VERSION_NUMBER")
    return files


def set_up(place: Path, shop: Path, signers: str, settings: dict[str, object]) -> None:
    """Make a target in which 1.0.0 is current, as people set one up by hand."""
    release = place / "releases" / "first"
    for name, text in first_version().items():
        (release / name).parent.mkdir(parents=True, exist_ok=True)
        (release / name).write_text(text)
    known = {"commit": git(shop, "rev-parse", "HEAD"), "version": "1.0.0"}
    record = {"name": "first", **known, "artifact": "", "previous": "none"}
    (place / "releases" / "first.json").write_text(json.dumps(record))
    (place / "current").symlink_to("releases/first")
    (place / "target.json").write_text(json.dumps({"environment": place.name}))
    (place / "settings.json").write_text(json.dumps(settings))
    (place / "allowed_signers").write_text(signers)


def key_in(folder: Path) -> str:
    """Make a signing key and return the line that makes its holder known."""
    folder.mkdir(parents=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", IDENTITY[1]]
    subprocess.run([*command, "-f", str(folder / "key")], check=True, capture_output=True)
    return f"{IDENTITY[1]} {' '.join((folder / 'key.pub').read_text().split()[:2])}\n"


def signed_by(keys: Path) -> tuple[str, ...]:
    """Return the settings with which git signs a commit."""
    return ("gpg.format=ssh", f"user.signingKey={keys / 'key'}", "commit.gpgSign=true")


if __name__ == "__main__":
    main()
