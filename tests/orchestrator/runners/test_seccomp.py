"""What an agent's program may do with sockets."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.runners import seccomp
from tests.orchestrator.runners.test_process import ask

pytestmark = pytest.mark.skipif(
    not seccomp.no_sockets_in_files(), reason="needs a kernel with seccomp on a known machine"
)
REFUSED = "EACCES"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with tempfile.TemporaryDirectory(prefix="cs-") as place, socket.socket(socket.AF_UNIX) as door:
        door.bind(str(Path(place) / "door"))
        door.listen()
        door.settimeout(0)
        yield door


def tried(statement: str) -> Any:
    """Return what an agent gets for an expression of Python, or the name of its error number."""
    program = f"""
        import asyncio, ctypes, errno, json, os, socket
        from socket import AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM
        try:
            got = bool({statement})
        except OSError as error:
            got = errno.errorcode[error.errno]
        print(json.dumps({{"output": {{"got": got}}}}))
    """
    return ask(program).output["got"]


@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET"])
def test_an_agent_has_no_socket_in_a_file(kind: str, listening: socket.socket) -> None:
    door = listening.getsockname()
    assert tried(f"socket.socket(AF_UNIX, {kind}).connect({door!r})") == REFUSED
    with pytest.raises(BlockingIOError):
        listening.accept()


@pytest.mark.parametrize("kind", ["SOCK_DGRAM", "SOCK_RAW", "SOCK_DGRAM | socket.SOCK_CLOEXEC"])
def test_no_pair_that_could_be_connected_again_elsewhere_is_made(kind: str) -> None:
    assert tried(f"socket.socketpair(AF_UNIX, {kind})") == REFUSED


@pytest.mark.parametrize(
    "statement",
    [
        "socket.socketpair()",
        "socket.socketpair(AF_UNIX, SOCK_SEQPACKET)",
        "socket.socket().bind(('127.0.0.1', 0)) is None",
        "asyncio.run(asyncio.sleep(0, 1))",
    ],
)
def test_what_programs_do_every_day_stays(statement: str) -> None:
    assert tried(statement) is True


def test_there_is_no_second_way_to_system_calls() -> None:
    ring = "ctypes.CDLL(None, use_errno=True).syscall(425, 8, ctypes.create_string_buffer(256))"
    assert tried(f"{ring} == -1 and ctypes.get_errno() == errno.ENOSYS") is True


def test_a_program_that_an_agent_starts_is_under_the_filter_too() -> None:
    code = "import socket; socket.socket(socket.AF_UNIX)"
    started = f"__import__('subprocess').run(['python', '-c', {code!r}], stderr=-3).returncode"
    assert tried(f"{started} == 1") is True
