"""The part of the product that runs before anything of it is installed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap
from tests.architecture.source import ROOT

SYSTEM_PYTHON = getattr(sys, "_base_executable", sys.executable)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose lock asks for nothing, so that setting it up needs no network."""
    clone = tmp_path / "clone"
    clone.mkdir()
    shutil.copy(ROOT / "bootstrap.py", clone)
    for lock in (bootstrap.RUNTIME, bootstrap.TESTS, bootstrap.UV):
        (clone / lock).write_text("")
    (clone / "manage.py").write_text(
        "import sys, bootstrap\nbootstrap.enter(sys.argv[1:])\nprint(sys.prefix, *sys.argv[1:])\n"
    )
    return clone


def enter(clone: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    home = {"HOME": str(clone.parent), "PATH": os.environ["PATH"], "PIP_NO_INDEX": "1"}
    return subprocess.run(
        [SYSTEM_PYTHON, "manage.py", *arguments],
        cwd=clone,
        env=home | extra,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_any_python_ends_up_in_an_environment_of_its_own(clone: Path) -> None:
    first = enter(clone, "check", "--fast")
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"{clone}/.venv check --fast\n"
    assert first.stderr.splitlines() == [
        "Setting up: making .venv",
        "Setting up: installing requirements.lock",
    ]
    again = enter(clone, "check")
    assert (again.returncode, again.stderr) == (0, "")


def test_a_changed_lock_is_installed_again(clone: Path) -> None:
    enter(clone, "check")
    (clone / bootstrap.RUNTIME).write_text("# changed\n")
    assert "installing requirements.lock" in enter(clone, "check").stderr


def test_the_test_command_brings_the_runtime_up_to_date_too(clone: Path) -> None:
    assert "installing requirements-dev.lock" in enter(clone, "test").stderr
    assert enter(clone, "check").stderr == ""
    stamp = json.loads((clone / ".venv" / "installed.json").read_text())
    assert set(stamp) == {bootstrap.RUNTIME, bootstrap.TESTS}


@pytest.mark.parametrize(
    ("command", "lock"),
    [
        (("up", "--postgres"), bootstrap.TESTS),
        (("up", "--port", "0"), bootstrap.RUNTIME),
        (("run", "--postgres"), bootstrap.RUNTIME),
        ((), bootstrap.RUNTIME),
    ],
)
def test_the_embedded_postgresql_comes_with_the_test_set(
    clone: Path, command: tuple[str, ...], lock: str
) -> None:
    assert f"installing {lock}" in enter(clone, *command).stderr


def test_what_cannot_be_installed_is_said_with_a_remedy(clone: Path) -> None:
    (clone / bootstrap.RUNTIME).write_text("no-such-package==1.0 --hash=sha256:" + "0" * 64)
    done = enter(clone, "check", UV_OFFLINE="1")
    assert done.returncode == 2
    assert "Check the network or the package index" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (clone / ".venv" / "installed.json").exists()


def test_a_python_that_is_too_old_hears_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bootstrap, "OLDEST", (99, 0))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(bootstrap.SetUpError, match=r"needs Python 3\.11 or newer and found"):
        bootstrap._find_new_enough_python(["up"])
