"""A doorbell rings after commit, from anywhere, and a dead broker costs next to nothing."""

import asyncio
import logging
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer
from django.conf import settings
from django.db import connections, transaction
from django.test.utils import override_settings

from audit import broker, doorbell
from audit.types import StreamKey
from orchestrator.celery import app
from orchestrator.supervisor import valkey
from tests.factories.audit import failing, note

KEY = StreamKey("note", "1")


BRIEFLY = 0.25


@pytest.fixture(autouse=True)
def forgiven() -> Iterator[None]:
    """Start and end with a broker nobody has given up on."""
    doorbell._circuit.holds()
    yield
    doorbell._circuit.holds()


async def heard(group: str, ring: Callable[[], Any]) -> dict[str, Any]:
    """Ring in another thread and return what a member of `group` then receives."""
    layer = get_channel_layer()
    name = await layer.new_channel()
    await layer.group_add(group, name)
    await sync_to_async(ring, thread_sensitive=False)()
    message: dict[str, Any] = await asyncio.wait_for(layer.receive(name), 60)
    await layer.group_discard(group, name)
    await layer.flush()
    return message


def committed(ring: Callable[[], None]) -> Callable[[], None]:
    def transaction_of_its_own() -> None:
        with transaction.atomic():
            ring()
        connections.close_all()

    return transaction_of_its_own


async def test_a_stream_rings_with_its_seq(committed_db: object) -> None:
    ring = committed(lambda: doorbell.ring_stream(KEY, 7))
    message = await heard(doorbell.stream_group(KEY), ring)
    assert message == {"type": "ring", "stream": "note:1", "seq": 7}


async def test_a_list_rings_without_content(committed_db: object) -> None:
    ring = committed(lambda: doorbell.ring_list("gates", "d1"))
    message = await heard(doorbell.list_group("gates", "d1"), ring)
    assert message == {"type": "ring", "list": "gates", "domain": "d1"}


async def test_an_append_rings_its_stream(committed_db: object) -> None:
    message = await heard(doorbell.stream_group(KEY), committed(note))
    assert message == {"type": "ring", "stream": "note:1", "seq": 1}


def test_a_worker_is_rung_with_ids_only(committed_db: object) -> None:
    with transaction.atomic():
        doorbell.ring_worker("orchestrator.run_agent_step", KEY, 3)
        assert next_message("agents") is None
    message = next_message("agents")
    assert message is not None
    assert message.payload[0] == ["note:1", "3"]
    assert message.headers["task"] == "orchestrator.run_agent_step"


def next_message(queue: str) -> Any:
    with app.connection_for_read() as connection, connection.SimpleQueue(queue) as box:
        try:
            message = box.get(block=False)
        except box.Empty:
            return None
        message.ack()
        return message


def test_nothing_rings_for_a_transaction_that_fails(
    committed_db: object, caplog: pytest.LogCaptureFixture
) -> None:
    with failing(transaction.atomic()):
        doorbell.ring_worker("orchestrator.run_agent_step", 1)
    assert next_message("agents") is None


@pytest.fixture
def given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gave up on the broker tries no more in this test; a try is as short as it is."""
    monkeypatch.setattr(broker, "PAUSE_SECONDS", 600.0)
    monkeypatch.setattr(broker, "TIMEOUT_SECONDS", BRIEFLY)
    for name in ("socket_timeout", "socket_connect_timeout"):
        monkeypatch.setitem(broker._BRIEF, name, BRIEFLY)


@pytest.fixture
def dead(tmp_path: Path, given_up: None) -> Iterator[None]:
    """A broker that refuses connections."""
    with broker_at(f"unix://{tmp_path}/nobody.sock"):
        yield


@pytest.fixture
def hung(given_up: None) -> Iterator[None]:
    """A broker that accepts connections and then says nothing."""
    server = socket.create_server(("127.0.0.1", 0), backlog=64)
    with server, broker_at(f"redis://127.0.0.1:{server.getsockname()[1]}/0"):
        yield


@contextmanager
def broker_at(url: str) -> Iterator[None]:
    """Point the layer and Celery at another broker."""
    before = app.conf.broker_url
    layers = {"default": settings.CHANNEL_LAYERS["default"] | {"CONFIG": {"hosts": [url]}}}
    with override_settings(CHANNEL_LAYERS=layers):
        app.conf.update(broker_url=url.replace("unix://", "redis+socket://", 1))
        channel_layers.backends.clear()
        yield
    app.conf.update(broker_url=before)
    channel_layers.backends.clear()


def ring_everybody() -> None:
    with transaction.atomic():
        doorbell.ring_stream(KEY, 1)
        doorbell.ring_list("gates", "d1")
        doorbell.ring_worker("orchestrator.run_agent_step", 1)


def test_a_dead_broker_neither_fails_nor_delays_the_request(
    committed_db: object, dead: None, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        ring_everybody()
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "note:1 was not rung" in warnings[0].message


@pytest.mark.parametrize(
    "ring",
    [
        partial(doorbell.ring_stream, KEY, 1),
        partial(doorbell.ring_worker, "orchestrator.run_agent_step", 1),
    ],
)
def test_a_broker_that_hangs_delays_one_request_once(
    committed_db: object, hung: None, ring: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    ring()
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    for _ in range(20):
        ring_everybody()
    assert [r for r in caplog.records if r.levelno == logging.WARNING] == warnings
    # Without giving up it would be a quarter of a second for each of sixty doorbells.
    assert time.monotonic() - began < 10


def test_a_broken_circuit_lets_one_caller_try_per_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    circuit = broker.Circuit()
    assert circuit.lets_through()
    circuit.broke()
    assert not circuit.lets_through()
    now += broker.PAUSE_SECONDS
    assert [circuit.lets_through(), circuit.lets_through()] == [True, False]
    circuit.holds()
    assert [circuit.lets_through(), circuit.lets_through()] == [True, True]


def test_a_restarted_broker_is_rung_at_the_first_try(committed_db: object, tmp_path: Path) -> None:
    server = valkey.on_socket(tmp_path, tmp_path / "log")
    with broker_at(server.url):
        for _ in range(2):
            process = subprocess.Popen(server.command, stdout=subprocess.DEVNULL)
            valkey.wait_until_it_answers(server.url)
            ring_everybody()
            assert next_message("agents") is not None
            assert doorbell._circuit._try_again_at == 0
            process.terminate()
            process.wait(60)


def test_many_threads_ring_over_few_connections(committed_db: object) -> None:
    barrier = threading.Barrier(16)

    def ring() -> None:
        barrier.wait(60)
        for _ in range(20):
            broker.publish("stream.note.1", {"type": "ring"})

    threads = [threading.Thread(target=ring) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clients: list[dict[str, str]] = broker._client(broker._layer_address()).client_list()
    assert 1 <= sum(client["cmd"] == "publish" for client in clients) <= 16
