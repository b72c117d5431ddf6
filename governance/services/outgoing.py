"""One request to somebody else's server, which gets so much time and is read so far in all.

A timeout of a library is for each read: a server that sends one byte at a time would hold a
worker for as long as it likes.
"""

import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore

CONNECT_SECONDS = 5.0
MOST_SECONDS = 15.0
MOST_BYTES = 64 * 1024

Failures = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


def post(
    *,
    url: httpcore.URL,
    host: str,
    headers: Mapping[str, str],
    content: bytes,
    context: ssl.SSLContext,
    deadline: float,
    most_bytes: int = MOST_BYTES,
    reads: bool = False,
) -> Answer:
    """Post and return the answer; raises one of `Failures`, also when `deadline` passes.

    `url` names the address to connect to and `host` whose certificate is asked for. Redirects and
    proxies are not followed, and the answer's body is read only on demand. `deadline` is of the
    monotonic clock; `most_bytes` bounds everything that is received.
    """
    pool = httpcore.ConnectionPool(
        ssl_context=context, network_backend=_Bounded(deadline, most_bytes)
    )
    extensions = {
        "timeout": {"connect": CONNECT_SECONDS},
        "sni_hostname": host,
    }
    with (
        pool,
        pool.stream(
            "POST", url, headers=list(headers.items()), content=content, extensions=extensions
        ) as a,
    ):
        said = {name.decode().lower(): value.decode("latin-1") for name, value in a.headers}
        return Answer(a.status, said, a.read() if reads else b"")


class _Bounded(httpcore.SyncBackend):
    """Opens connections that end at a deadline."""

    def __init__(self, deadline: float, most_bytes: int) -> None:
        self._deadline = deadline
        self._most_bytes = most_bytes

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, timeout, httpcore.ConnectTimeout)
        stream = super().connect_tcp(host, port, left, local_address, socket_options)
        return _BoundedStream(stream, self._deadline, self._most_bytes)


class _BoundedStream(httpcore.NetworkStream):
    """A connection that gives each read and write no more than the time that is left."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float, most_bytes: int) -> None:
        self._stream = stream
        self._deadline = deadline
        self._most_bytes = self._unread = most_bytes

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = _left(self._deadline, timeout, httpcore.ReadTimeout)
        got = self._stream.read(max_bytes, left)
        self._unread -= len(got)
        if self._unread < 0:
            raise httpcore.ReadError(f"the answer is longer than {self._most_bytes:,} bytes")
        return got

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, timeout, httpcore.ConnectTimeout)
        secured = self._stream.start_tls(ssl_context, server_hostname, left)
        return _BoundedStream(secured, self._deadline, self._most_bytes)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, timeout: float | None, late: type[Exception]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise late("the address took too long to answer")
    return left if timeout is None else min(left, timeout)
