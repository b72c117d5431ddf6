"""The fixtures keep what they promise."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
import redis
from asgiref.sync import SyncToAsync, async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, connections, transaction

from orchestrator.celery import app
from tests.harness import examples, leftovers
from tests.harness.databases import CommittedDatabase, using
from tests.harness.workers import Workers

Race = Callable[..., list[object]]


def enrol(name: str) -> None:
    get_user_model().objects.create(username=name, display_name=name.title())


def names() -> list[str]:
    return sorted(get_user_model().objects.values_list("username", flat=True))


def test_the_broker_answers_on_a_private_socket(redis_url: str, session_dir: Path) -> None:
    assert redis_url == f"unix://{session_dir}/valkey.sock"
    assert session_dir.stat().st_mode & 0o077 == 0
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_every_setting_points_at_the_private_broker(redis_url: str) -> None:
    assert settings.CHANNEL_LAYERS["default"]["CONFIG"] == {"hosts": [redis_url]}
    assert app.conf.broker_url == settings.CELERY_BROKER_URL
    async_to_sync(get_channel_layer().group_send)("group", {"type": "ring"})


@pytest.mark.parametrize("name", ["ada", "grace"])
def test_db_starts_empty_every_time(db: None, name: str) -> None:
    assert names() == []
    enrol(name)


@pytest.mark.parametrize("name", ["ada", "grace"])
def test_committed_db_starts_empty_every_time(committed_db: CommittedDatabase, name: str) -> None:
    assert names() == []
    enrol(name)
    assert not connection.in_atomic_block


def test_no_thread_of_asynchronous_code_stays_at_a_database_that_was_left(
    committed_db: CommittedDatabase,
) -> None:
    thread = SyncToAsync.single_thread_executor
    with using(committed_db.name):
        thread.submit(names).result()
    assert thread.submit(lambda: connections["default"].connection).result() is None


def test_sqlite_is_a_file_with_the_settings_of_production(
    request: pytest.FixtureRequest, committed_db: CommittedDatabase
) -> None:
    if request.config.getoption("--postgres"):
        pytest.skip("PostgreSQL has none of these settings")
    with connection.cursor() as cursor:
        pragmas = [cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS]
    assert pragmas == list(PRAGMAS.values())
    assert committed_db.data_dir / "countersign.sqlite3" == Path(committed_db.name)


PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 20000}


@pytest.mark.postgres
def test_the_option_runs_the_suite_on_postgresql(committed_db: CommittedDatabase) -> None:
    assert connection.vendor == "postgresql"
    assert committed_db.environment["DATABASE_URL"].endswith(committed_db.name)


def test_a_race_has_two_connections_and_one_winner(race: Race) -> None:
    outcomes = race(lambda: enrol("ada"), lambda: enrol("ada"))
    assert sorted(isinstance(outcome, IntegrityError) for outcome in outcomes) == [False, True]
    assert names() == ["ada"]


def test_writers_of_a_race_wait_for_each_other(race: Race) -> None:
    def slowly(name: str) -> None:
        with transaction.atomic():
            enrol(name)
            time.sleep(0.1)

    assert race(*(lambda name=name: slowly(name) for name in "abcd")) == [None] * 4
    assert names() == ["a", "b", "c", "d"]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc to look at")
def test_a_process_that_outlives_its_test_is_found_with_the_name_of_that_test() -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        assert "outlives_its_test" in leftovers.left(patience=0)[process.pid]
    assert process.pid not in leftovers.left(patience=0)


def test_a_test_cannot_reach_the_world() -> None:
    with socket.socket() as outside, pytest.raises(OSError, match="a test tried to reach"):
        outside.connect(("192.0.2.1", 80))


@pytest.mark.kill
def test_workers_are_real_and_can_be_killed(real_workers: Workers) -> None:
    real_workers.start()
    assert answering(2) == {"control@localhost", "work@localhost"}
    real_workers.kill("work")
    assert answering(1) == {"control@localhost"}
    assert real_workers.running["control"].poll() is None


def answering(many: int) -> set[str]:
    answers = app.control.ping(timeout=60, limit=many) or []
    return {name for answer in answers for name in answer}


def test_a_property_is_tried_in_full_only_with_slow(request: pytest.FixtureRequest) -> None:
    times = examples.tried(1000).max_examples
    assert times == (1000 if request.config.getoption("--slow") else examples.MOST_BRIEFLY)
    assert hypothesis.settings().derandomize
