"""`up` as a person meets it: one command, one block, one Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.instances import ROOT, Instance, environment

pytestmark = pytest.mark.kill


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "data"


@pytest.fixture(scope="module")
def instance(home: Path) -> Iterator[Instance]:
    instance = Instance(home, "--no-demo").wait_until_ready()
    yield instance
    instance.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Instance]]:
    """Start an instance that is gone after the test, also when the test fails."""
    started: list[Instance] = []

    def start(*options: str) -> Instance:
        started.append(Instance(tmp_path / "data", "--no-demo", *options))
        return started[-1]

    yield start
    for instance in started:
        instance.close()


def manage(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(extra),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def children(instance: Instance) -> set[int]:
    """Return the ids of the processes that the supervisor itself started."""
    command = ["ps", "-o", "pid=", "--ppid", str(instance.process.pid)]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    return set(map(int, listing.stdout.split()))


def wait_until_ready_again(instance: Instance) -> None:
    deadline = time.monotonic() + 120
    while instance.get("/healthz/ready")[0] != 200:
        assert time.monotonic() < deadline, instance.output
        time.sleep(0.2)


def test_one_block_says_where_how_and_until_when(instance: Instance, home: Path) -> None:
    assert instance.base_url.startswith("http://localhost:")
    assert instance.signin_url.startswith(instance.base_url + "/")
    assert f"Data      {home}" in instance.output
    assert "Traceback" not in instance.output
    assert "superuser" not in instance.output


def test_everything_behind_ready_answers(instance: Instance) -> None:
    status, body = instance.get("/healthz/ready")
    assert status == 200
    assert json.loads(body) == {
        "ready": True,
        "checks": dict.fromkeys(("database", "migrations", "broker", "steward"), "ok"),
    }
    assert instance.get("/healthz/live") == (200, "alive\n")


def test_only_its_owner_can_read_the_data_directory(instance: Instance, home: Path) -> None:
    assert home.stat().st_mode & 0o777 == 0o700
    for name in ("secret-key", "runtime.json", "countersign.sqlite3", "lock"):
        assert (home / name).stat().st_mode & 0o077 == 0, name


def test_other_commands_find_the_running_instance(instance: Instance, home: Path) -> None:
    running = json.loads((home / "runtime.json").read_text())
    assert running["pid"] == instance.process.pid
    assert running["base_url"] == instance.base_url
    done = manage("doctor", "--data-dir", str(home))
    assert done.returncode == 0, done.stdout + done.stderr
    assert instance.base_url in done.stdout
    assert "control 0" in done.stdout


def test_a_second_up_on_the_data_directory_is_refused(instance: Instance, home: Path) -> None:
    done = manage("up", "--data-dir", str(home), "--port", "0")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"already runs on the data directory {home} at {instance.base_url}" in done.stderr
    assert "--data-dir" in done.stderr


def test_a_taken_port_names_who_has_it(instance: Instance, tmp_path: Path) -> None:
    port = instance.base_url.rpartition(":")[2]
    done = manage("up", "--data-dir", str(tmp_path / "other"), "--port", port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {port} is taken")
    assert done.stderr.count("\n") == 1
    assert "--port" in done.stderr


@pytest.mark.slow
def test_a_crashed_child_is_started_again(instance: Instance) -> None:
    before = children(instance)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    instance.wait_for("it starts again in 1 s.")
    deadline = time.monotonic() + 120
    while len(children(instance)) < len(before) or children(instance) & before:
        assert time.monotonic() < deadline, instance.output
        time.sleep(0.2)
    wait_until_ready_again(instance)


@pytest.mark.slow
def test_one_ctrl_c_stops_everything_and_leaves_nothing(
    start: Callable[..., Instance], tmp_path: Path
) -> None:
    instance = start().wait_until_ready()
    assert len(instance.processes()) >= 6
    assert instance.interrupt() == 0
    assert instance.processes() == []
    assert instance.output.endswith("Stopped.\n")
    assert "Traceback" not in instance.output
    assert not (tmp_path / "data" / "runtime.json").exists()


@pytest.mark.slow
def test_ctrl_c_before_ready_is_no_error_either(
    start: Callable[..., Instance], tmp_path: Path
) -> None:
    instance = start()
    while not (tmp_path / "data" / "logs" / "valkey.log").exists():
        time.sleep(0.01)
    assert instance.interrupt() == 0
    assert instance.processes() == []
    assert "Traceback" not in instance.output


@pytest.mark.slow
def test_nothing_outlives_a_killed_supervisor(start: Callable[..., Instance]) -> None:
    instance = start("--json-logs")
    instance.wait_for("Countersign is ready.")
    instance.process.kill()
    instance.process.wait()
    deadline = time.monotonic() + 120
    while instance.processes():
        assert time.monotonic() < deadline, instance.processes()
        time.sleep(0.1)
    instance.close()
    assert all(json.loads(line) for line in instance.output.splitlines())


def test_an_unwritable_data_directory_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = manage("up", "--data-dir", str(tmp_path / "file" / "data"))
    assert done.returncode == 1
    assert "cannot write to its data directory" in done.stderr
    assert "--data-dir" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("programs", "sentence"),
    [
        ({"ssh-keygen": ""}, "found no git"),
        ({"git": "echo git version 2.37.4", "ssh-keygen": ""}, "found git version 2.37.4"),
        ({"git": "echo git version 2.39.5"}, "ssh-keygen, which is not on the PATH"),
    ],
)
def test_a_missing_program_is_one_sentence_with_a_remedy(
    tmp_path: Path, programs: dict[str, str], sentence: str
) -> None:
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    done = manage("up", "--data-dir", str(tmp_path / "data"), PATH=str(tmp_path))
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "apt install" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_silent_broker_of_ones_own_is_one_sentence(tmp_path: Path) -> None:
    broker = f"unix://{tmp_path}/nobody.sock"
    done = manage("up", "--data-dir", str(tmp_path / "d"), "--port", "0", REDIS_URL=broker)
    assert done.returncode == 1
    assert done.stderr.startswith("The broker at REDIS_URL does not answer")
    assert done.stderr.count("\n") == 1


def test_a_silent_database_of_ones_own_is_one_sentence(tmp_path: Path) -> None:
    url = f"postgres://nobody@/{tmp_path}/none"
    done = manage("up", "--data-dir", str(tmp_path / "d"), "--port", "0", DATABASE_URL=url)
    assert done.returncode == 1
    assert done.stderr.startswith("The postgresql database cannot be used")
    assert done.stderr.count("\n") == 1
