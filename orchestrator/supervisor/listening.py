"""The socket of the web process, opened first so that a taken port is news at once."""

import errno
import socket
from pathlib import Path

from orchestrator.supervisor.refusals import CannotStartError

LISTENING = "0A"


def open_socket(port: int) -> socket.socket:
    """Listen on 127.0.0.1; port 0 takes any free one. The web process inherits the socket."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise CannotStartError(_refusal(port, error)) from None
    return listener


def _refusal(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        holder = _holder(port)
        return f"Port {port} is taken{holder}: stop that, or choose another with --port."
    return f"Port {port} cannot be opened ({error.strerror}): choose another with --port."


def _holder(port: int) -> str:
    """Name the process that listens on `port`, where Linux lets us see it."""
    try:
        wanted = {f"socket:[{inode}]" for inode in _inodes(port)}
        for entry in Path("/proc").glob("[0-9]*/fd/*"):
            if str(_target(entry)) in wanted:
                process = entry.parents[1]
                return f" by {(process / 'comm').read_text().strip()} (process {process.name})"
    except OSError:
        pass
    return ""


def _inodes(port: int) -> list[str]:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    suffix = f":{port:04X}"
    return [row[9] for row in rows if row[1].endswith(suffix) and row[3] == LISTENING]


def _target(entry: Path) -> Path | None:
    try:
        return entry.readlink()
    except OSError:
        return None
