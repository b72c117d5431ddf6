"""A child that starts warm: a copy of the supervisor which has loaded everything already.

Loading the product takes longer than anything else `up` does, so doing it once instead of five
times is most of the way to Ready. It is safe only while the supervisor has one thread and no
connection; later starts are ordinary new programs.
"""

import ctypes
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

from orchestrator.supervisor.parent_death import PR_SET_PDEATHSIG

# Loaded here, because a child should do nothing between fork and its own work.
_LIBC = ctypes.CDLL(None)
STANDARD_STREAMS = 3


def is_safe() -> bool:
    """Whether a fork copies no lock that another thread holds, on a system that allows it."""
    return sys.platform == "linux" and threading.active_count() == 1


class Forked:
    """A forked process, with the part of Popen's interface that a Child needs."""

    def __init__(
        self,
        run: Callable[[], int | None],
        environment: Mapping[str, str],
        descriptors: Sequence[int],
    ) -> None:
        reading, writing = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _become(run, environment, {writing, *descriptors}, writing, parent)
        os.close(writing)
        self.stdout: IO[bytes] | None = os.fdopen(reading, "rb", buffering=0)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code once the process has ended."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int | None:
        """Return the exit code as soon as there is one."""
        return self._reap(0)

    def terminate(self) -> None:
        """Ask the process to end."""
        os.kill(self.pid, signal.SIGTERM)

    def _reap(self, flags: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, flags)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _become(
    run: Callable[[], int | None],
    environment: Mapping[str, str],
    keep: set[int],
    output: int,
    parent: int,
) -> NoReturn:
    code = 1
    try:
        _settle(keep, output, parent)
        os.environ.update(environment)
        code = run() or 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - nothing may return into the supervisor's frames
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Not `sys.exit`: what the supervisor registered for its own end is not ours to run.
        os._exit(code)


def _settle(keep: set[int], output: int, parent: int) -> None:
    os.setsid()
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for entry in list(Path("/proc/self/fd").iterdir()):
        if int(entry.name) >= STANDARD_STREAMS and int(entry.name) not in keep:
            _close(int(entry.name))
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a text file


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return  # the listing's own descriptor
