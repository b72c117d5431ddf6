"""Run a program for a bounded time and keep a bounded part of what it says."""

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CHUNK = 65_536
ERROR_LIMIT = 65_536
_kept: ContextVar[tuple[int, ...]] = ContextVar("git_kept_open", default=())


class RanTooLongError(Exception):
    """The program was killed at its time limit, so what it did is not known."""


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended. `truncated` means it was killed after saying `limit` bytes."""

    code: int
    out: bytes
    err: str
    truncated: bool = False


@contextmanager
def kept_open(descriptor: int) -> Iterator[None]:
    """Let every program started inside share `descriptor`, and with it a lock on that."""
    token = _kept.set((*_kept.get(), descriptor))
    try:
        yield
    finally:
        _kept.reset(token)


def run_bounded(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    stdin: bytes = b"",
    seconds: float,
    limit: int,
) -> Completed:
    """Run `argv` without a shell in a process group of its own, and leave nothing of it behind.

    `stdin` reaches it as a file, so that neither side can wait for the other.
    """
    with tempfile.TemporaryFile() as source:
        source.write(stdin)
        source.seek(0)
        process = subprocess.Popen(  # noqa: S603 - argv is a list, no shell reads it
            argv,
            env=dict(env),
            cwd=cwd,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=_kept.get(),
            start_new_session=True,
        )
        with process:
            try:
                return _collect(process, time.monotonic() + seconds, limit)
            finally:
                _kill(process)


def _collect(process: subprocess.Popen[bytes], deadline: float, limit: int) -> Completed:
    out, err = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe, kept in ((process.stdout, out), (process.stderr, err)):
            selector.register(_opened(pipe), selectors.EVENT_READ, kept)
        while selector.get_map():
            _read_ready(selector, deadline)
            del err[ERROR_LIMIT:]
            if len(out) > limit:
                _kill(process)
                return Completed(-1, bytes(out[:limit]), _words(err), truncated=True)
    try:
        code = process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise RanTooLongError from None
    return Completed(code, bytes(out), _words(err))


def _read_ready(selector: selectors.BaseSelector, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise RanTooLongError
    for key, _ in selector.select(left):
        data = os.read(key.fd, CHUNK)
        if data:
            key.data.extend(data)
        else:
            selector.unregister(key.fileobj)


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("the program was started without its pipes")
    return pipe


def _words(err: bytearray) -> str:
    return err.decode("utf-8", "backslashreplace").strip()


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
