"""What is refused before Django keeps any of it."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from orchestrator.body_limit import BodyLimit

MOST = 10


def sent(*chunks: bytes, declared: bytes = b"", type: str = "http") -> tuple[list[Any], list[Any]]:
    """Send a request through the limit; return what the application heard, and the answer."""
    heard: list[Any] = []
    answered: list[Any] = []
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while waiting and (not heard or heard[-1]["type"] == "http.request"):
            heard.append(await receive())

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        answered.append(message)

    headers: Sequence[Any] = [(b"content-length", declared)] if declared else []
    scope = {"type": type, "headers": headers}
    asyncio.run(BodyLimit(application, MOST)(scope, receive, send))
    return heard, answered


def test_what_fits_is_passed_on_untouched() -> None:
    heard, answered = sent(b"12345", b"67890", declared=b"10")
    assert [message["body"] for message in heard] == [b"12345", b"67890"]
    assert answered == []


def test_a_length_that_is_too_great_is_refused_unread() -> None:
    heard, (start, body) = sent(b"x" * 11, declared=b"11")
    assert heard == []
    assert (start["status"], json.loads(body["body"])["code"]) == (413, "too_large")


def test_a_body_that_grows_too_long_ends_for_the_application() -> None:
    heard, (start, _body) = sent(b"12345", b"67890", b"1", b"never read")
    assert [message["type"] for message in heard] == ["http.request"] * 2 + ["http.disconnect"]
    assert start["status"] == 413


def test_a_length_that_is_a_lie_does_not_help() -> None:
    _heard, (start, _body) = sent(b"x" * 11, declared=b"1")
    assert start["status"] == 413


def test_sockets_are_no_business_of_it() -> None:
    heard, answered = sent(b"x" * 11, type="websocket")
    assert len(heard) == 1
    assert answered == []
