"""Puts limits on itself and becomes the agent. Run as a script, by the standard library alone.

`confine.py PARENT CPU_SECONDS MEMORY_BYTES PROGRAM [ARGUMENT ...]`. A wrapper of its own, because
running Python between fork and exec is unsafe in a process that has threads.
"""

import ctypes
import os
import resource
import signal
import sys

NOT_FOUND = 127
_LARGEST_FILE = 256 * 1024 * 1024
_OPEN_FILES = 512
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def main(arguments: list[str]) -> int:
    """Set the limits and exec; returns only when the program cannot be started."""
    parent, cpu_seconds, memory = (int(text) for text in arguments[:3])
    _die_with(parent)
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_FSIZE, _LARGEST_FILE)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    program = arguments[3:]
    try:
        os.execvp(program[0], program)  # noqa: S606 - an argv from the manifest, never a shell
    except OSError as error:
        sys.stderr.write(f"{program[0]}: {error.strerror}\n")
        return NOT_FOUND


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
