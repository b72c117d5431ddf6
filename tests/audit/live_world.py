"""A server of one page, whose doorbells, fragments and failures a test holds in its hands."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn

STATIC = Path(__file__).resolve().parents[2] / "static" / "js"
PAGE = """<!doctype html><html lang="en"><title>x</title><body>
<span data-live-status></span><p style="height:50px">above</p>
<section id="region" data-live="run:1" data-seq="1" data-live-src="/fragment/">{fragment}</section>
<script type="module" src="/live.js"></script></body></html>"""
Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


class World:
    """What the server does, in plain attributes."""

    def __init__(self) -> None:
        self.page = PAGE
        self.fragment = "<p id='what'>one</p>"
        self.status = 200
        self.fetches = 0
        self.refuses_sockets = False
        self.head = 1
        self.joins: list[str] = []
        self.sockets: list[Send] = []
        self.close_code = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await (self.socket if scope["type"] == "websocket" else self.http)(scope, receive, send)

    async def http(self, scope: Message, receive: Receive, send: Send) -> None:
        status, kind, body = 200, b"text/html", b""
        if scope["path"] == "/fragment/":
            self.fetches += 1
            status, body = self.status, self.fragment.encode()
        elif scope["path"].endswith(".js"):
            kind, body = b"text/javascript", (STATIC / scope["path"][1:]).read_bytes()
        else:
            body = self.page.format(fragment=self.fragment).encode()
        headers = [(b"content-type", kind), (b"cache-control", b"no-store")]
        if status == 302:
            headers.append((b"location", b"/signin/"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def socket(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        if self.refuses_sockets:
            await send({"type": "websocket.close", "code": 1013})
            return
        await send({"type": "websocket.accept"})
        if self.close_code:
            await send({"type": "websocket.close", "code": self.close_code})
            return
        self.sockets.append(send)
        while (message := await receive())["type"] == "websocket.receive":
            said = json.loads(message["text"])
            if "join" in said:
                self.joins.append(said["join"])
                await say(send, {"stream": said["join"], "seq": self.head})
        with contextlib.suppress(ValueError):
            self.sockets.remove(send)

    def ring(self, *seqs: int) -> None:
        """Ring every open socket, as fast as it goes."""
        self.head = seqs[-1]
        for send in list(self.sockets):
            self.run(burst(send, seqs))

    def hang_up(self) -> None:
        """Close every open socket as a server that goes away."""
        for send in list(self.sockets):
            self.run(send({"type": "websocket.close", "code": 1012}))
        self.sockets.clear()

    def run(self, what: Any) -> None:
        """Run a coroutine in the server's loop."""
        asyncio.run_coroutine_threadsafe(what, self.loop).result(60)

    loop: asyncio.AbstractEventLoop
    url: str


async def burst(send: Send, seqs: Sequence[int]) -> None:
    """Send a ring for every seq."""
    for seq in seqs:
        await say(send, {"stream": "run:1", "seq": seq})


async def say(send: Send, message: Message) -> None:
    """Send JSON over a socket."""
    await send({"type": "websocket.send", "text": json.dumps(message)})


@contextlib.contextmanager
def served() -> Iterator[World]:
    """Serve a world on a free port of this machine until the test is over."""
    world = World()
    config = uvicorn.Config(
        world, port=0, lifespan="off", log_level="error", ws="websockets-sansio", loop="asyncio"
    )
    server = uvicorn.Server(config)

    async def serve() -> None:
        world.loop = asyncio.get_running_loop()
        await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    world.url = f"http://localhost:{server.servers[0].sockets[0].getsockname()[1]}/"
    yield world
    server.should_exit = True
    server.force_exit = True
    thread.join(10)
