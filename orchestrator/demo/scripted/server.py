"""Serves a script at an OpenAI-compatible endpoint on loopback, and remembers what was asked."""

import json
import socket
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from orchestrator.demo.scripted import wire
from orchestrator.demo.scripted.script import Script, Turn

MODEL = "scripted"
LONGEST_REQUEST = 8 * 1024 * 1024
_PATHS = {"/v1/chat/completions": "chat", "/v1/responses": "responses"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came; names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class ScriptedModel(ThreadingHTTPServer):
    """The endpoint. `asked` is every request so far, the refused ones included."""

    daemon_threads = True

    def __init__(self, script: Script, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.script = script
        self.asked: list[Asked] = []

    @property
    def base_url(self) -> str:
        """Return what a client is configured with."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: scripts make them."""


@contextmanager
def serving(script: Script, port: int = 0) -> Iterator[ScriptedModel]:
    """Serve a script from a thread until the block ends."""
    with ScriptedModel(script, port) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedModel

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "script"}
            self._answer(200, {"object": "list", "data": [model]})
        else:
            self._refuse(404, "There is nothing at this address.")

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        if not 0 < size <= LONGEST_REQUEST:
            self._refuse(400, "The request has no body, or too long a one.")
            return
        try:
            body = json.loads(self.rfile.read(size))
            said = wire.last_message(body)
        except (ValueError, AttributeError):
            self._refuse(400, "The request is not an object in JSON.")
            return
        self.server.asked.append(Asked(self.path, self._headers(), body))
        if self.path not in _PATHS:
            self._refuse(404, "There is nothing at this address.")
            return
        turn = self.server.script.take(str(body.get("model", "")), said, json.dumps(body))
        if turn is None:
            self._refuse(400, "The script has no turn left for this request.")
        else:
            self._play(turn, body)

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _play(self, turn: Turn, body: Mapping[str, Any]) -> None:
        time.sleep(turn.delay)
        if turn.drop:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif turn.status != 200:  # noqa: PLR2004 - the status of a turn that says something
            after = "" if turn.retry_after is None else f"{turn.retry_after:g}"
            self._refuse(turn.status, "The script refuses this request.", after)
        elif turn.malformed:
            self._send(200, "application/json", b'{"choices": [{"message": ')
        else:
            self._say(turn, body)

    def _say(self, turn: Turn, body: Mapping[str, Any]) -> None:
        model = str(body.get("model", MODEL))
        ids = [f"call_{uuid.uuid4().hex}" for _call in turn.calls] + [uuid.uuid4().hex]
        if _PATHS[self.path] == "responses":
            self._answer(200, wire.response(turn, model, ids))
        elif body.get("stream"):
            usage = bool((body.get("stream_options") or {}).get("include_usage"))
            self._stream(wire.chunks(turn, model, ids, usage=usage))
        else:
            self._answer(200, wire.chat(turn, model, ids))

    def _stream(self, events: Iterable[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for event in events:
            self.wfile.write(event.encode())

    def _refuse(self, status: int, why: str, retry_after: str = "") -> None:
        error = {"message": why, "type": "scripted_error", "code": None, "param": None}
        self._answer(status, {"error": error}, retry_after)

    def _answer(self, status: int, body: Mapping[str, Any], retry_after: str = "") -> None:
        self._send(status, "application/json", json.dumps(body).encode(), retry_after)

    def _send(self, status: int, kind: str, content: bytes, retry_after: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: Any) -> None:
        """Keep quiet; who serves the script shows what was asked."""
