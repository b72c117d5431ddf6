"""The socket rings for what one may see, coalesced, and for nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client

from audit import broker
from audit.consumers import NOT_FOUND, SIGNED_OUT, TOO_LARGE, TRY_AGAIN_LATER, LiveConsumer
from audit.doorbell import ring_list, stream_group
from audit.types import StreamKey
from tests.audit.conftest import Sight
from tests.audit.websocket import Socket
from tests.factories.audit import note

Person = Any


@pytest.fixture(autouse=True)
async def clean_layer() -> AsyncIterator[None]:
    """Close the layer's connections inside the loop that opened them."""
    yield
    await get_channel_layer().flush()


@pytest.fixture
def visible(sight: Sight) -> set[str]:
    """The names of what Ada may see; tests change it while she looks."""
    return sight.names


@pytest.fixture
def ada(committed_db: object) -> Person:
    return get_user_model().objects.create(username="ada", is_active=True)


@pytest.fixture
async def socket(ada: Person) -> AsyncIterator[Socket]:
    """Ada's open socket."""
    socket = await opened(await cookie_of(ada))
    yield socket
    await socket.close()


def cookie(person: Person) -> bytes:
    client = Client()
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}".encode()


cookie_of = sync_to_async(cookie)
noted = sync_to_async(note)


async def opened(cookie: bytes) -> Socket:
    socket = Socket(cookie)
    assert await socket.open()
    return socket


async def test_a_join_is_answered_with_the_head(socket: Socket, visible: set[str]) -> None:
    visible.add("note:1")
    assert await socket.join("note:1") == {"stream": "note:1", "seq": 0}
    await noted("note:1")
    assert await socket.hear() == {"stream": "note:1", "seq": 1}
    assert await socket.join("note:1") == {"stream": "note:1", "seq": 1}


async def test_a_list_rings_without_a_seq(socket: Socket, visible: set[str]) -> None:
    visible.add("list:notes:d1")
    assert await socket.join("list:notes:d1") == {"list": "notes", "domain": "d1"}
    await sync_to_async(ring_list)("notes", "d1")
    assert await socket.hear() == {"list": "notes", "domain": "d1"}
    assert await socket.hears_nothing()


@pytest.mark.parametrize("name", ["note:1", "note:none", "other:1", "list:notes:d1", "list:x:d1"])
async def test_unknown_and_forbidden_look_the_same(
    socket: Socket, visible: set[str], name: str
) -> None:
    await noted("note:1")
    assert await socket.join(name) == {"refused": name, "code": "not_found"}
    await noted("note:1")
    assert await socket.hears_nothing()


async def test_somebody_else_hears_nothing(committed_db: object, visible: set[str]) -> None:
    visible.add("note:1")
    mallory = await sync_to_async(get_user_model().objects.create)(username="mallory")
    socket = await opened(await cookie_of(mallory))
    assert await socket.join("note:1") == {"refused": "note:1", "code": "not_found"}
    await noted("note:1")
    assert await socket.hears_nothing()
    await socket.close()


async def test_a_visitor_who_is_not_signed_in_is_told_so(committed_db: object) -> None:
    socket = await opened(b"")
    assert await socket.closing_code() == SIGNED_OUT
    await socket.close()


async def test_another_site_cannot_open_the_socket(ada: Person) -> None:
    assert not await Socket(await cookie_of(ada), b"http://evil.example").open()


async def test_a_burst_is_coalesced_and_the_newest_seq_wins(
    socket: Socket, visible: set[str]
) -> None:
    visible.add("note:1")
    await socket.join("note:1")
    started = asyncio.get_running_loop().time()
    await sync_to_async(publish_seqs)(range(1, 501))
    heard = [await socket.hear()]
    while heard[-1]["seq"] < 500:
        heard.append(await socket.hear())
    elapsed = asyncio.get_running_loop().time() - started
    assert [m["seq"] for m in heard] == sorted(m["seq"] for m in heard)
    assert len(heard) <= elapsed / LiveConsumer.ring_gap + 2
    assert await socket.hears_nothing()


def publish_seqs(seqs: "range | list[int]") -> None:
    for seq in seqs:
        broker.publish(
            stream_group(StreamKey("note", "1")), {"type": "ring", "stream": "note:1", "seq": seq}
        )


async def test_a_late_ring_does_not_turn_back_the_seq(socket: Socket, visible: set[str]) -> None:
    visible.add("note:1")
    await socket.join("note:1")
    await sync_to_async(publish_seqs)([5])
    assert (await socket.hear())["seq"] == 5
    await sync_to_async(publish_seqs)([3])
    assert await socket.hears_nothing()


async def test_a_ring_that_was_lost_is_made_up_for(
    socket: Socket, visible: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    visible.update({"note:1", "list:notes:d1"})
    monkeypatch.setattr(LiveConsumer, "check_every", 0.2)
    monkeypatch.setattr(LiveConsumer, "list_patience", 0.0)
    other = await opened(socket.cookie)
    await other.join("note:1")
    await other.join("list:notes:d1")
    monkeypatch.setattr(broker, "publish", lambda *_: None)
    await noted("note:1", domain_id="d1")
    heard: list[dict[str, Any]] = []
    wanted = [{"stream": "note:1", "seq": 1}, {"list": "notes", "domain": "d1"}]
    while not all(message in heard for message in wanted):
        heard.append(await other.hear())
    await other.close()


async def test_a_permission_that_is_gone_ends_the_ringing(
    socket: Socket, visible: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    visible.add("note:1")
    monkeypatch.setattr(LiveConsumer, "fresh_for", 0.0)
    await socket.join("note:1")
    visible.clear()
    await noted("note:1")
    assert await socket.hear() == {"refused": "note:1", "code": "not_found"}
    visible.add("note:1")
    await noted("note:1")
    assert await socket.hears_nothing()


async def test_an_idle_join_is_checked_too(
    ada: Person, visible: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LiveConsumer, "check_every", 0.1)
    visible.add("note:1")
    socket = await opened(await cookie_of(ada))
    await socket.join("note:1")
    visible.clear()
    assert await socket.hear() == {"refused": "note:1", "code": "not_found"}
    await socket.close()


def sign_out(person: Person, cookie: bytes) -> None:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = cookie.decode().partition("=")[2]
    client.session.flush()


def deactivate(person: Person, cookie: bytes) -> None:
    person.is_active = False
    person.save()


def change_password(person: Person, cookie: bytes) -> None:
    person.set_password("another one entirely")
    person.save()


@pytest.mark.parametrize("ending", [sign_out, deactivate, change_password])
async def test_a_session_that_ends_closes_the_socket(
    ada: Person,
    visible: set[str],
    monkeypatch: pytest.MonkeyPatch,
    ending: Callable[[Person, bytes], None],
) -> None:
    monkeypatch.setattr(LiveConsumer, "check_every", 0.1)
    visible.add("note:1")
    cookie = await cookie_of(ada)
    socket = await opened(cookie)
    await socket.join("note:1")
    await sync_to_async(ending)(ada, cookie)
    assert await socket.closing_code() == SIGNED_OUT
    await socket.close()


async def test_leaving_ends_the_ringing(socket: Socket, visible: set[str]) -> None:
    visible.update({"note:1", "note:2"})
    await socket.join("note:1")
    await socket.join("note:2")
    await socket.say({"leave": "note:1"})
    # What is said is done in order, so whoever has an answer has left before.
    await socket.join("note:2")
    await noted("note:1")
    await noted("note:2")
    assert await socket.hear() == {"stream": "note:2", "seq": 1}
    assert await socket.hears_nothing()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        '{"join": 1}',
        '{"join": "note"}',
        '{"join": "note:*"}',
        "[" * 500,
    ],
)
async def test_nonsense_is_refused(socket: Socket, text: str) -> None:
    await socket.send({"type": "websocket.receive", "text": text})
    assert await socket.hear() == {"refused": "", "code": "invalid"}


@pytest.mark.parametrize("message", [{"text": " " * 513}, {"bytes": b"{}"}])
async def test_a_message_too_large_or_binary_closes_the_socket(
    socket: Socket, message: dict[str, Any]
) -> None:
    await socket.send({"type": "websocket.receive", **message})
    assert await socket.closing_code() == TOO_LARGE


async def test_whoever_keeps_asking_in_vain_is_sent_away(
    socket: Socket, visible: set[str]
) -> None:
    for i in range(LiveConsumer.refusal_limit + 1):
        await socket.say({"join": f"note:{i}"})
    assert await socket.closing_code() == NOT_FOUND


async def test_nobody_joins_without_end(
    socket: Socket, visible: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LiveConsumer, "topic_limit", 2)
    visible.update({"note:1", "note:2", "note:3"})
    await socket.join("note:1")
    await socket.join("note:2")
    assert await socket.join("note:3") == {"refused": "note:3", "code": "too_many"}
    assert (await socket.join("note:2"))["seq"] == 0


async def test_without_a_broker_a_viewer_comes_back_later(
    socket: Socket, visible: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    visible.add("note:1")
    monkeypatch.setattr(get_channel_layer()._get_layer()._shards[0], "subscribe", refuse)
    await socket.say({"join": "note:1"})
    assert await socket.closing_code() == TRY_AGAIN_LATER
