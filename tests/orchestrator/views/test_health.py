import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client, override_settings

from orchestrator.selectors import health
from orchestrator.selectors.leadership import STEWARD
from orchestrator.services.leadership import lead


@pytest.fixture
def led(db: None) -> None:
    lead(role=STEWARD, holder="ada", lease=timedelta(minutes=1))


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    health._KNOWN_CURRENT.clear()
    yield
    health._KNOWN_CURRENT.clear()


def ask(client: Client) -> tuple[int, dict[str, str]]:
    answer = client.get("/healthz/ready")
    assert "no-store" in answer["Cache-Control"]
    body = json.loads(answer.content)
    assert body["ready"] is (answer.status_code == 200)
    return answer.status_code, body["checks"]


def test_it_is_ready_when_everything_behind_it_works(led: None, client: Client) -> None:
    status, checks = ask(client)
    assert status == 200
    assert set(checks.values()) == {"ok"}


def test_it_is_not_ready_while_no_steward_leads(db: None, client: Client) -> None:
    status, checks = ask(client)
    assert (status, checks["steward"]) == (503, "no steward leads")


def test_it_is_not_ready_without_its_broker(led: None, client: Client, tmp_path: Path) -> None:
    with override_settings(REDIS_URL=f"unix://{tmp_path}/nobody.sock"):
        status, checks = ask(client)
    assert (status, checks["broker"]) == (503, "the broker does not answer")
    assert str(tmp_path) not in json.dumps(checks)


def test_it_is_not_ready_while_migrations_wait(led: None, client: Client) -> None:
    MigrationRecorder(connection).record_unapplied("orchestrator", "0001_initial")
    status, checks = ask(client)
    assert (status, checks["migrations"]) == (503, "migrations are waiting: run `migrate`")


def test_being_alive_asks_nobody(client: Client) -> None:
    answer = client.get("/healthz/live")
    assert (answer.status_code, answer.content) == (200, b"alive\n")


def test_only_reading_is_possible(client: Client) -> None:
    assert client.post("/healthz/ready").status_code == 405


def test_a_probe_is_not_sent_to_https(led: None, client: Client) -> None:
    with override_settings(SECURE_SSL_REDIRECT=True):
        assert client.get("/healthz/live").status_code == 200
        assert client.get("/signin/").status_code == 301
