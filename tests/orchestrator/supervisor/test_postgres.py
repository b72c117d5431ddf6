"""The embedded PostgreSQL of `up --postgres`."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.supervisor import data_dir, postgres
from orchestrator.supervisor.refusals import CannotStartError
from tests.harness.instances import ROOT, Instance, environment

# PostgreSQL refuses root, so root becomes another user in a namespace of its own.
NOT_ROOT = ("unshare", "--user", "--map-user=1000") if os.geteuid() == 0 else ()


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(CannotStartError) as caught:
        act()
    return str(caught.value)


def test_a_data_directory_keeps_the_database_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    postgres.check(tmp_path)
    data_dir.sqlite_file(tmp_path).touch()
    assert "holds a SQLite database" in refusal(lambda: postgres.check(tmp_path))


def test_a_database_of_ones_own_and_an_embedded_one_are_one_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://me@//tmp/mine")
    assert "names a database of your own" in refusal(lambda: postgres.check(tmp_path))


def test_root_is_told_to_use_another_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    said = refusal(lambda: postgres.on_socket(tmp_path, tmp_path))
    assert "refuses to run as root" in said
    assert list(tmp_path.iterdir()) == []


def test_a_missing_wheel_is_one_sentence_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    said = refusal(lambda: postgres.on_socket(tmp_path, tmp_path))
    assert "`python3 manage.py up --postgres`" in said
    assert list(tmp_path.iterdir()) == []


def test_without_its_server_a_cluster_is_no_other_database(tmp_path: Path) -> None:
    assert data_dir.database_url(tmp_path) == ""
    data_dir.cluster(tmp_path).mkdir()
    url = data_dir.database_url(tmp_path)
    assert url == f"postgres://nobody@/{tmp_path}/postgres/postgres"
    assert not postgres.answers(url)


def test_nobody_waits_for_a_server_that_has_ended(tmp_path: Path) -> None:
    cluster = data_dir.cluster(tmp_path)
    cluster.mkdir()
    for text in ("", "x\n", "999999999\n/data\n"):
        (cluster / "postmaster.pid").write_text(text)
        postgres.wait_for_the_last_one(tmp_path)


def manage(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*NOT_ROOT, sys.executable, "manage.py", *arguments, "--data-dir", str(home)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Instance]]:
    if NOT_ROOT and subprocess.run([*NOT_ROOT, "true"], check=False).returncode:
        pytest.skip("this machine lets root become nobody else")
    started: list[Instance] = []

    def start(*options: str) -> Instance:
        started.append(Instance(tmp_path / "data", "--no-demo", *options, through=NOT_ROOT))
        return started[-1].wait_until_ready()

    yield start
    for instance in started:
        instance.close()


@pytest.mark.kill
@pytest.mark.slow
def test_one_command_keeps_everything_in_postgresql_across_a_kill(
    start: Callable[..., Instance], tmp_path: Path
) -> None:
    home, instance = tmp_path / "data", start("--postgres")
    seen = manage(home, "doctor")
    assert re.search(r"embedded PostgreSQL \d+\.\d+ in ", seen.stdout), seen.stdout + seen.stderr
    first = (data_dir.cluster(home) / "PG_VERSION").stat().st_ino
    instance.process.kill()
    instance.process.wait()
    again = start()
    assert (data_dir.cluster(home) / "PG_VERSION").stat().st_ino == first
    assert manage(home, "verify").returncode == 0
    assert not data_dir.sqlite_file(home).exists()
    assert again.interrupt() == 0
    deadline = time.monotonic() + 120
    while again.processes():
        assert time.monotonic() < deadline, again.processes()
        time.sleep(0.1)
    assert not (data_dir.cluster(home) / "postmaster.pid").exists()
    assert "bad" in manage(home, "doctor").stdout.lower()
