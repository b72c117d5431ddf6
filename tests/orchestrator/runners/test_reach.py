"""What an agent can get at, tried by real agents."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from orchestrator.runners import landlock
from tests.orchestrator.runners.test_process import ask

pytestmark = pytest.mark.skipif(not landlock.version(), reason="needs a kernel with Landlock")
HIDDEN = ("countersign.sqlite3", "secret-key", "runtime.json")


@pytest.fixture
def data_dir(tmp_path: Path, settings: Any) -> Path:
    """Return a data directory with the product's secrets, a log and a repository."""
    place = tmp_path / "house" / "var"
    (place / "logs").mkdir(parents=True)
    for name in (*HIDDEN, "logs/valkey.log"):
        (place / name).write_text("secret")
    subprocess.run(["git", "init", "-q", str(place / "shop")], check=True)
    settings.DATA_DIR = place
    return place


def tried(expression: str, *paths: Path) -> Any:
    """Return what an agent gets for an expression of Python, or the name of the error."""
    program = f"""
        import ctypes, json, os, pathlib, signal, subprocess, tempfile
        try:
            got = {expression}
        except OSError as error:
            got = type(error).__name__
        print(json.dumps({{"output": {{"got": got}}}}))
    """
    return ask(program, paths=[str(path) for path in paths]).output["got"]


def text_of(path: Path) -> str:
    return f"pathlib.Path({str(path)!r}).read_text()"


@pytest.mark.parametrize("name", HIDDEN)
def test_an_agent_cannot_read_the_products_secrets(data_dir: Path, name: str) -> None:
    assert tried(text_of(data_dir / name)) == "PermissionError"


@pytest.mark.parametrize("named", [".", "..", "secret-key", "logs", "../link", "/"])
def test_no_input_of_a_run_opens_the_data_directory(data_dir: Path, named: str) -> None:
    (data_dir.parent / "link").symlink_to(data_dir)
    for name in (*HIDDEN, "logs/valkey.log"):
        assert tried(text_of(data_dir / name), data_dir / named) == "PermissionError"


def test_an_agent_reads_the_repository_it_is_asked_about(data_dir: Path) -> None:
    head = data_dir / "shop" / ".git" / "HEAD"
    assert tried(text_of(head)) == "PermissionError"
    assert tried(text_of(head), data_dir / "shop").startswith("ref: ")


def test_an_agent_reads_what_lies_on_the_stage_it_is_asked_about(data_dir: Path) -> None:
    mine, other = (data_dir / "stages" / name / "target" for name in ("mine", "other"))
    for place in (mine, other):
        place.mkdir(parents=True)
        (place / "VERSION").write_text("1.0")
    assert tried(text_of(mine / "VERSION"), mine) == "1.0"
    assert tried(text_of(other / "VERSION"), mine) == "PermissionError"
    assert tried(text_of(data_dir / "secret-key"), mine.parent.parent) == "PermissionError"


def test_a_stage_that_links_to_the_data_directory_opens_nothing(data_dir: Path) -> None:
    stage = data_dir / "stages" / "mine"
    stage.parent.mkdir()
    stage.symlink_to(data_dir / "logs")
    assert tried(text_of(data_dir / "logs/valkey.log"), stage) == "PermissionError"


def test_the_neighbours_of_the_data_directory_stay_readable(data_dir: Path) -> None:
    beside = data_dir.parent / "readme"
    beside.write_text("welcome")
    assert tried(text_of(beside), data_dir.parent) == "welcome"


def test_a_linked_worktree_can_be_read_with_its_repository(data_dir: Path, tmp_path: Path) -> None:
    tree, git = tmp_path / "tree", ["git", "-C", str(data_dir / "shop")]
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run([*git, *who, "commit", "-q", "--allow-empty", "-m", "First"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(tree)], check=True)
    log = f"subprocess.check_output(['git', '-C', {str(tree)!r}, 'log', '--format=%s']).decode()"
    assert tried(log, tree) == "First\n"


def test_a_worktree_that_points_at_the_data_directory_opens_nothing(
    data_dir: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {data_dir}\n")
    (data_dir / "HEAD").touch()
    (data_dir / "objects").mkdir()
    assert tried(text_of(data_dir / "secret-key"), tree) == "PermissionError"


def test_a_secret_of_the_operator_is_hidden_wherever_it_lies(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "project" / "key"
    key.parent.mkdir()
    key.write_text("secret")
    monkeypatch.setenv("SECRET_KEY_FILE", str(key))
    assert tried(text_of(key), key.parent) == "PermissionError"


def test_an_agent_writes_its_own_directory_only(data_dir: Path, tmp_path: Path) -> None:
    assert tried("pathlib.Path('note').write_text('x')") == 1
    assert tried("pathlib.Path(tempfile.mkdtemp(), 'note').write_text('x')") == 1
    for place in (tmp_path, data_dir / "shop", Path(tempfile.gettempdir())):
        mark = place / "agent-was-here"
        assert tried(f"pathlib.Path({str(mark)!r}).write_text('x')", place) == "PermissionError"
        assert not mark.exists()


@pytest.mark.parametrize("file", ["environ", "mem", "cmdline"])
def test_an_agent_cannot_look_into_the_worker(file: str) -> None:
    assert tried(f"pathlib.Path('/proc/{os.getpid()}/{file}').read_text()") == "PermissionError"


@pytest.mark.skipif(landlock.version() < 6, reason="needs a newer Landlock")
def test_an_agent_cannot_signal_the_worker_or_its_keeper() -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert tried(f"os.kill({sleeper.pid}, signal.SIGKILL)") == "PermissionError"
        assert tried("os.kill(os.getppid(), signal.SIGKILL)") == "PermissionError"
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_an_agent_gains_no_rights_from_the_programs_it_starts() -> None:
    assert tried("ctypes.CDLL(None).prctl(39, 0, 0, 0, 0)") == 1


def test_without_landlock_an_agent_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert tried("pathlib.Path('note').write_text('x')") == 1
