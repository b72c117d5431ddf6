import socket
import subprocess
from pathlib import Path

import pytest
import redis

from orchestrator.supervisor import listening, valkey
from orchestrator.supervisor.refusals import CannotStartError


def test_the_fallback_on_loopback_asks_for_its_password(tmp_path: Path) -> None:
    with listening.open_socket(0) as free:
        port = int(free.getsockname()[1])
    server = valkey.on_loopback(tmp_path, tmp_path / "log", port=port, password="s3cret")
    process = subprocess.Popen(server.command)
    try:
        valkey.wait_until_it_answers(server.url)
        assert not valkey.answers(f"redis://127.0.0.1:{port}/0")
        with redis.Redis.from_url(server.url) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert "s3cret" not in " ".join(server.command)
        assert (tmp_path / "valkey.conf").stat().st_mode & 0o077 == 0
    finally:
        process.terminate()
        process.wait(60)


def test_a_socket_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="path of the socket is too long"):
        valkey.on_socket(tmp_path / ("x" * 100), tmp_path / "log")


def test_silence_is_not_an_answer(tmp_path: Path) -> None:
    assert not valkey.answers(f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(TimeoutError):
        valkey.wait_until_it_answers(f"unix://{tmp_path}/nobody.sock", seconds=0.05)


def test_a_taken_port_is_refused_with_its_holder() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStartError, match=f"Port {port} is taken.*--port"):
            listening.open_socket(port)
