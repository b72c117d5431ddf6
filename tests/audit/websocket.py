"""A browser's side of one WebSocket, in process; `channels.testing` would need Daphne."""

import asyncio
import json
from contextvars import Context
from importlib import import_module
from typing import Any

SILENCE_SECONDS = 0.3
PATIENCE_SECONDS = 60


class Socket:
    """Speaks ASGI to the application as a server with this browser behind it would."""

    def __init__(self, cookie: bytes = b"", origin: bytes = b"http://localhost") -> None:
        self.cookie = cookie
        self.said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        headers = [(b"host", b"localhost"), (b"origin", origin), (b"cookie", cookie)]
        self.scope = {
            "type": "websocket",
            "path": "/ws/live/",
            "query_string": b"",
            "headers": headers,
            "subprotocols": [],
        }

    async def open(self) -> bool:
        """Return whether the handshake was accepted."""
        # The module builds Django's handler, which wants the settings of a running test.
        application = import_module("orchestrator.asgi").application
        running = application(self.scope, self.said.get, self.answers.put)
        self.task = asyncio.get_running_loop().create_task(running, context=Context())
        await self.send({"type": "websocket.connect"})
        return bool((await self.answer())["type"] == "websocket.accept")

    async def send(self, message: dict[str, Any]) -> None:
        """Hand an ASGI message to the application."""
        await self.said.put(message)

    async def answer(self) -> dict[str, Any]:
        """Return the next ASGI message of the application."""
        return await asyncio.wait_for(self.answers.get(), PATIENCE_SECONDS)

    async def close(self) -> None:
        """Hang up; raises what the application raised."""
        await self.send({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.task, PATIENCE_SECONDS)

    async def say(self, message: object) -> None:
        """Send JSON."""
        await self.send({"type": "websocket.receive", "text": json.dumps(message)})

    async def hear(self) -> dict[str, Any]:
        """Return the next message."""
        output = await self.answer()
        assert output["type"] == "websocket.send", output
        message: dict[str, Any] = json.loads(output["text"])
        return message

    async def join(self, name: str) -> dict[str, Any]:
        """Join and return the answer."""
        await self.say({"join": name})
        return await self.hear()

    async def hears_nothing(self) -> bool:
        """Whether nothing comes for a while."""
        await asyncio.sleep(SILENCE_SECONDS)
        return self.answers.empty() and not self.task.done()

    async def closing_code(self) -> int:
        """Return the code with which the application closes."""
        while True:
            output = await self.answer()
            if output["type"] == "websocket.close":
                return int(output["code"])
