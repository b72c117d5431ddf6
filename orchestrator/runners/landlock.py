"""Landlock, with which a Linux process gives up access to files for itself and all it starts.

A ruleset lists what stays allowed; `confine.py` puts an agent under one. What no Landlock covers:
looking whether a file exists, changing its mode or times, sockets in files, the network.
"""

import ctypes
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

# System calls, the same on all architectures, and bits of the kernel's uapi/linux/landlock.h.
_CREATE_RULESET, _ADD_RULE = 444, 445
_ASK_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
READING = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
# The first so many bits are known since this version.
_BITS_SINCE = {1: 13, 2: 14, 3: 15, 5: 16}
# Since version 6: no signals to processes outside, no abstract sockets of theirs.
_SCOPES_SINCE, _SCOPES = 6, 0b11

_LIBC = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("files", "network", "scoped")]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("place", ctypes.c_int32)]


def version() -> int:
    """Return the version of Landlock's interface in this kernel, 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, _call(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION))


@contextmanager
def ruleset(*, readable: Iterable[Path], writable: Iterable[Path]) -> Iterator[int]:
    """Yield the descriptor of a ruleset that allows nothing else, -1 where there is no Landlock.

    Paths are resolved ones, and what does not exist is left out. Raises OSError.
    """
    known = version()
    if not known:
        yield -1
        return
    everything = (1 << max(bits for since, bits in _BITS_SINCE.items() if since <= known)) - 1
    made = _create(everything, _SCOPES if known >= _SCOPES_SINCE else 0)
    try:
        for path in readable:
            _allow(made, path, READING)
        for path in writable:
            _allow(made, path, everything)
        yield made
    finally:
        os.close(made)


def _create(files: int, scoped: int) -> int:
    wanted = _Ruleset(files=files, scoped=scoped)
    return _checked(
        _call(_CREATE_RULESET, ctypes.byref(wanted), ctypes.c_size_t(ctypes.sizeof(wanted)), 0)
    )


def _allow(made: int, path: Path, allowed: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            allowed &= _OF_FILES
        rule = _Beneath(allowed=allowed, place=place)
        _checked(_call(_ADD_RULE, made, _PATH_BENEATH, ctypes.byref(rule), ctypes.c_uint32(0)))
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    return int(_LIBC.syscall(ctypes.c_long(number), *arguments))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return result
