"""One child process in its own session: fed, listened to, limited and never left behind."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_CHUNK = 65_536
_STDERR_TAIL = 4_096
# The child may use this long to end what it started in other sessions.
_END_SECONDS = 5.0
# A grandchild may hold the pipes open after the agent itself ended; it gets this long.
_DRAIN_SECONDS = 1.0


class ChildTimedOutError(Exception):
    """The child was still at work at its deadline."""


class ChildTooLoudError(Exception):
    """The child wrote more to its output than it may."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a child ended: its exit code (negative: the signal) and what it wrote."""

    code: int
    stdout: bytes
    stderr: bytes


def converse(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: str,
    given: bytes,
    seconds: float,
    most_output: int,
    beat_seconds: float,
    beat: Callable[[], None],
    descriptors: Sequence[int] = (),
) -> Finished:
    """Give `given` to a new process on its standard input and return what it answered.

    Calls `beat` every `beat_seconds`. However this ends, by timeout, by too much output, by an
    error that `beat` raises, or well: the child is told to, then its process group is killed.
    `descriptors` are inherited.
    """
    with _started(argv, environment, directory, descriptors) as child:
        talk = _Conversation(child, given, most_output)
        deadline = time.monotonic() + seconds
        next_beat = time.monotonic() + beat_seconds
        while talk.goes_on():
            now = time.monotonic()
            if now >= deadline:
                raise ChildTimedOutError
            if now >= next_beat:
                beat()
                next_beat = now + beat_seconds
            talk.listen(min(deadline, next_beat) - now)
        return Finished(child.wait(), bytes(talk.stdout), bytes(talk.stderr))


@contextlib.contextmanager
def _started(
    argv: Sequence[str],
    environment: Mapping[str, str],
    directory: str,
    descriptors: Sequence[int],
) -> Iterator["subprocess.Popen[bytes]"]:
    child = subprocess.Popen(  # noqa: S603 - an argv from the manifest, never a shell
        list(argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
        cwd=directory,
        pass_fds=descriptors,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        _end(child)
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_END_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


class _Conversation:
    def __init__(self, child: "subprocess.Popen[bytes]", given: bytes, most_output: int) -> None:
        self.child = child
        self.unsent = memoryview(given)
        self.most_output = most_output
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.ended_at: float | None = None
        self.selector = selectors.DefaultSelector()
        for pipe, events in (
            (child.stdin, selectors.EVENT_WRITE),
            (child.stdout, selectors.EVENT_READ),
            (child.stderr, selectors.EVENT_READ),
        ):
            if pipe:
                os.set_blocking(pipe.fileno(), False)
                self.selector.register(pipe, events)

    def goes_on(self) -> bool:
        """Whether the child lives or still has something to say."""
        if self.child.poll() is None:
            return True
        self.ended_at = self.ended_at or time.monotonic()
        drained = time.monotonic() - self.ended_at > _DRAIN_SECONDS
        return not drained and self._is_open(self.child.stdout, self.child.stderr)

    def listen(self, seconds: float) -> None:
        """Move bytes for at most `seconds`."""
        longest = 0.05 if self.ended_at or not self._is_open(self.child.stdout) else seconds
        if not self.selector.get_map():
            time.sleep(0.01)
            return
        for key, _ in self.selector.select(max(0.0, min(seconds, longest))):
            if key.fileobj is self.child.stdin:
                self._send(key)
            else:
                self._receive(key)

    def _is_open(self, *pipes: object) -> bool:
        watched = [key.fileobj for key in self.selector.get_map().values()]
        return any(pipe in watched for pipe in pipes)

    def _send(self, key: selectors.SelectorKey) -> None:
        try:
            sent = os.write(key.fd, self.unsent[:_CHUNK])
        except BrokenPipeError:
            sent = len(self.unsent)
        self.unsent = self.unsent[sent:]
        if not self.unsent:
            self._drop(key)

    def _receive(self, key: selectors.SelectorKey) -> None:
        chunk = os.read(key.fd, _CHUNK)
        if not chunk:
            self._drop(key)
        elif key.fileobj is self.child.stderr:
            self.stderr = (self.stderr + chunk)[-_STDERR_TAIL:]
        else:
            self.stdout += chunk
            if len(self.stdout) > self.most_output:
                raise ChildTooLoudError

    def _drop(self, key: selectors.SelectorKey) -> None:
        self.selector.unregister(key.fileobj)
        if key.fileobj is self.child.stdin:
            with contextlib.suppress(BrokenPipeError):
                key.fileobj.close()
