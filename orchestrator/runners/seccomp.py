"""A filter under which a Linux program has no sockets in files, for itself and all it starts.

Landlock leaves those open, and behind one can be the account's D-Bus or container engine, which
would start programs outside of every confinement. The filter is a program of the kernel's
uapi/linux/filter.h over uapi/linux/seccomp.h; `confine.py` puts an agent under it.
"""

import errno
import platform
import socket
import struct
import sys
from pathlib import Path

_AVAILABLE = Path("/proc/sys/kernel/seccomp/actions_avail")
# What the kernel calls a machine, and the numbers of socket(2) and socketpair(2) there.
_MACHINES = {"x86_64": (0xC000003E, 41, 53), "aarch64": (0xC00000B7, 198, 199)}
# The same on both. It would make sockets without a system call that a filter sees.
_IO_URING_SETUP = 425
# Numbers from here on are those of x32, a second way to each system call of x86_64.
_X32 = 0x40000000
_LOAD, _AND, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER, _MACHINE, _FIRST, _SECOND = 0, 4, 16, 24
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
# The lowest bits of a socket's type; above them are flags.
_TYPE = 0xF


def no_sockets_in_files() -> bytes:
    """Return the filter for this machine, nothing where the kernel or we have none for it.

    Pairs of connected sockets stay, except of the kinds that can be connected again elsewhere.
    """
    known = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or known is None or not _AVAILABLE.exists():
        return b""
    machine, new, pair = known
    return b"".join(
        (
            _do(_LOAD, _MACHINE),
            _do(_IF_EQUAL, machine, when=1, otherwise=0),
            _do(_RETURN, _KILL),
            _do(_LOAD, _NUMBER),
            _if(_IF_AT_LEAST, _X32, _refuse(errno.ENOSYS)),
            _if(_IF_EQUAL, _IO_URING_SETUP, _refuse(errno.ENOSYS)),
            _if(_IF_EQUAL, new, _no_family(socket.AF_UNIX)),
            _if(_IF_EQUAL, pair, _only_connected()),
            _do(_RETURN, _ALLOW),
        )
    )


def _no_family(family: int) -> bytes:
    return (
        _do(_LOAD, _FIRST) + _if(_IF_EQUAL, family, _refuse(errno.EACCES)) + _do(_RETURN, _ALLOW)
    )


def _only_connected() -> bytes:
    return (
        _do(_LOAD, _SECOND)
        + _do(_AND, _TYPE)
        + _if(_IF_EQUAL, socket.SOCK_STREAM, _do(_RETURN, _ALLOW))
        + _if(_IF_EQUAL, socket.SOCK_SEQPACKET, _do(_RETURN, _ALLOW))
        + _refuse(errno.EACCES)
    )


def _if(comparison: int, value: int, then: bytes) -> bytes:
    return _do(comparison, value, otherwise=len(then) // len(_do(0, 0))) + then


def _refuse(error: int) -> bytes:
    return _do(_RETURN, _ERROR | error)


def _do(code: int, value: int, *, when: int = 0, otherwise: int = 0) -> bytes:
    """Return one instruction; `when` and `otherwise` say how many to leave out after it."""
    return struct.pack("=HBBI", code, when, otherwise, value)
