"""Refuses what is too long to be meant, before any of it is kept.

Django asks for the length of a request only after the whole body lies on the disk, whoever sent
it: without this a stranger could fill the disk of the web process.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from governance.api.problems import CONTENT_TYPE, problem

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """Passes requests on whose body has at most `most` bytes, and answers 413 to all others."""

    application: Application
    most: int

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection (ASGI)."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
        elif _declared(scope) > self.most:
            await _refuse(send)
        else:
            await self.application(scope, _Counted(receive, send, self.most), send)


class _Counted:
    """Hands a body on as it comes; who sends too much is told so and is gone for all others."""

    def __init__(self, receive: Receive, send: Send, most: int) -> None:
        self._receive, self._send, self._left = receive, send, most

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left >= 0 or message["type"] != "http.request":
            return message
        await _refuse(self._send)
        return {"type": "http.disconnect"}


def _declared(scope: Message) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    # More digits say no other thing here, and Python refuses to read thousands of them.
    return max((int(length[:20]) for length in lengths if length.isdigit()), default=0)


async def _refuse(send: Send) -> None:
    body = json.dumps(problem(413, "too_large", _("This is more than a request may hold.")))
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
