import os
import sys
import time
from pathlib import Path

import pytest

from orchestrator.runners.git.bounded import (
    Completed,
    RanTooLongError,
    kept_open,
    run_bounded,
)


def run(code: str, *, seconds: float = 20, limit: int = 1000, stdin: bytes = b"") -> Completed:
    argv = [sys.executable, "-I", "-c", code]
    return run_bounded(argv, env={}, cwd=Path("/"), stdin=stdin, seconds=seconds, limit=limit)


def test_what_a_program_says_on_both_pipes_comes_back() -> None:
    said = run("import sys; print(sys.stdin.read()); sys.exit('wrong')", stdin=b"hello")
    assert said == Completed(1, b"hello\n", "wrong")


def test_a_program_that_talks_without_end_is_cut_off_and_killed() -> None:
    said = run("while True: print('x' * 1000)", limit=5_000)
    assert (len(said.out), said.truncated) == (5_000, True)


def test_endless_complaints_do_not_fill_memory() -> None:
    said = run("import sys; sys.stderr.write('x' * 1_000_000)")
    assert (said.code, len(said.err)) == (0, 65_536)


def test_a_program_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    child = f"import time; time.sleep(2); open({str(trace)!r}, 'w')"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(RanTooLongError):
        run(code, seconds=1)
    time.sleep(2)
    assert not trace.exists()


def test_a_program_that_closes_its_pipes_and_stays_is_killed_too() -> None:
    with pytest.raises(RanTooLongError):
        run("import os, time; os.close(1); os.close(2); time.sleep(30)", seconds=1)


def test_only_what_is_kept_open_is_shared(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    code = f"import os; os.fstat({descriptor})"
    try:
        assert run(code).code == 1
        with kept_open(descriptor):
            assert run(code).code == 0
        assert run(code).code == 1
    finally:
        os.close(descriptor)
