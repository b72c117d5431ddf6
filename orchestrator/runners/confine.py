"""Starts an agent under limits and ends all that it leaves. Needs the standard library alone.

`confine.py PARENT CPU_SECONDS MEMORY_BYTES RULESET FILTER PROGRAM [ARGUMENT ...]`, where RULESET
is a descriptor or -1 and FILTER what `seccomp.py` made, in hex, or -. A program of its own,
because running Python between fork and exec is unsafe in a process that has threads. On Linux it
stays as the agent's parent: whatever the agent starts, in whichever session, becomes its child
when it is orphaned, and is killed when the agent ends or SIGTERM says that the turn is over.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

NOT_FOUND = 127
PATIENCE_SECONDS = 3.0
_LARGEST_FILE = 256 * 1024 * 1024
_OPEN_FILES = 512
_WATCHED = {signal.SIGCHLD, signal.SIGTERM}
_IS_LINUX = sys.platform == "linux"
# Numbers of prctl(2), and landlock_restrict_self(2), which is the same on all architectures.
_SET_PARENT_DEATH_SIGNAL = 1
_SET_CHILD_SUBREAPER = 36
_SET_NO_NEW_PRIVILEGES = 38
_SET_SECCOMP, _FILTER_MODE, _INSTRUCTION_BYTES = 22, 2, 8
_RESTRICT_SELF = 446
_LIBC = ctypes.CDLL(None, use_errno=True)


class _Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def main(arguments: list[str]) -> int:
    """Run the agent to its end and end as it did; returns only when it was not killed."""
    parent, *limits = (int(text) for text in arguments[:4])
    _die_with(parent, signal.SIGTERM)
    if not _IS_LINUX:
        return _become(arguments[5:], arguments[4], *limits)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    _LIBC.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    keeper, agent = os.getpid(), os.fork()
    if agent == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
        _die_with(keeper, signal.SIGKILL)
        return _become(arguments[5:], arguments[4], *limits)
    _let_go_of_pipes()
    status = _watch(agent)
    _end_the_rest()
    return _end_as(status)


def _become(program: list[str], seccomp: str, cpu_seconds: int, memory: int, ruleset: int) -> int:
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_FSIZE, _LARGEST_FILE)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    try:
        _give_up_rights(ruleset)
        _keep_to(bytes.fromhex(seccomp.removeprefix("-")))
        os.execvp(program[0], program)  # noqa: S606 - an argv from the manifest, never a shell
    except OSError as error:
        sys.stderr.write(f"{program[0]}: {error.strerror}\n")
        return NOT_FOUND


def _give_up_rights(ruleset: int) -> None:
    """Gain no rights from any program from here on, and keep to the Landlock ruleset, if any."""
    if _IS_LINUX and _LIBC.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "the agent could not give up gaining rights")
    if ruleset >= 0:
        if _LIBC.syscall(ctypes.c_long(_RESTRICT_SELF), ctypes.c_int(ruleset), ctypes.c_uint32(0)):
            raise OSError(ctypes.get_errno(), "the agent could not be confined by Landlock")
        os.close(ruleset)


def _keep_to(instructions: bytes) -> None:
    """Make no system call from here on that a seccomp filter refuses, if there is one."""
    if not instructions:
        return
    given = ctypes.create_string_buffer(instructions)
    whole = _Filter(len(instructions) // _INSTRUCTION_BYTES, ctypes.addressof(given))
    if _LIBC.prctl(_SET_SECCOMP, _FILTER_MODE, ctypes.byref(whole), 0, 0):
        raise OSError(ctypes.get_errno(), "the agent could not be confined by seccomp")


def _die_with(parent: int, number: signal.Signals) -> None:
    if _IS_LINUX:
        _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(NOT_FOUND)


def _limit(what: int, wanted: int) -> None:
    _, hard = resource.getrlimit(what)
    ceiling = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(what, (ceiling, ceiling))
    except (OSError, ValueError):
        # macOS does not limit address space; the time limit still holds there.
        return


def _let_go_of_pipes() -> None:
    # The worker sees the end of the agent's output only when nobody else holds the pipes.
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)


def _watch(agent: int) -> int | None:
    """Return how the agent ended, or None when the turn was over before."""
    while signal.sigwait(_WATCHED) == signal.SIGCHLD:
        ended = dict(_reaped())
        if agent in ended:
            return ended[agent]
    return None


def _reaped() -> Iterator[tuple[int, int]]:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended


def _end_the_rest() -> None:
    """Kill our children until there are none: the children of each become ours as it ends."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while _has_children() and time.monotonic() < patience:
        for child in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def _has_children() -> bool:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _children() -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The program's name, in brackets, may itself contain brackets and spaces.
            _, parent, *_ = (process / "stat").read_bytes().rpartition(b")")[2].split()
            if int(parent) == os.getpid():
                yield int(process.name)


def _end_as(status: int | None) -> int:
    if status is not None and os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        _limit(resource.RLIMIT_CORE, 0)
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    return NOT_FOUND if status is None else os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
