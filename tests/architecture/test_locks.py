"""What the bootstrap file relies on."""

import ast
import re
import tomllib

from tests.architecture.source import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock")


def pins(lock: str) -> set[str]:
    return set(re.findall(r"^[\w.\[\],-]+==\S+", (ROOT / lock).read_text(), re.MULTILINE))


def test_the_test_lock_contains_the_runtime_lock() -> None:
    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def test_every_pin_has_hashes_and_no_lock_names_a_host() -> None:
    for lock in LOCKS:
        text = (ROOT / lock).read_text()
        assert "://" not in text
        entries = re.split(r"\n(?=\S)", text)
        assert all("--hash=sha256:" in entry for entry in entries if "==" in entry), lock


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = {re.split(r"[^\w.-]", line)[0] for line in project["project"]["dependencies"]}
    locked = {re.split(r"[\[=]", pin)[0] for pin in pins("requirements.lock")}
    assert not {name.lower() for name in names} - locked


def test_an_old_python_can_still_read_why_it_is_refused() -> None:
    for name in ("bootstrap.py", "manage.py"):
        ast.parse((ROOT / name).read_text(), feature_version=(3, 8))
