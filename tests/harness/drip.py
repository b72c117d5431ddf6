"""A server on this machine that never finishes its answer."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Drip:
    """Sends `start` once and then one `piece` after another, until the other end goes away."""

    def __init__(self) -> None:
        self.start = b"HTTP/1.1 200 OK\r\nX-Slow: "
        self.piece = b"x"
        self.pause = 0.05
        self.sent = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    @property
    def url(self) -> str:
        return f"http://localhost:{self._socket.getsockname()[1]}/hook"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        self._socket.settimeout(10)
        with suppress(OSError):
            connection, _address = self._socket.accept()
            with connection:
                self._drip(connection)

    def _drip(self, connection: socket.socket) -> None:
        # Interim answers stand on their own; everything else goes on with what was begun.
        if not self.piece.startswith(b"HTTP/"):
            connection.sendall(self.start)
        while not self._closing.wait(self.pause):
            connection.sendall(self.piece)
            self.sent += len(self.piece)
