import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from orchestrator.supervisor.child import PARENT_DEATH, Child, Plan
from orchestrator.supervisor.family import GRACE_SECONDS, Family
from tests.orchestrator.supervisor.terminal import Terminal

FOREVER = "import time; print('hello', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {FOREVER}"


def script(name: str, source: str, stage: int = 0) -> Plan:
    return Plan(name, (sys.executable, "-c", source), stage)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def family(terminal: Terminal) -> Iterator[Family]:
    family = Family(terminal.output)
    yield family
    family.stop(lambda: True)


def attend_until(family: Family, terminal: Terminal, text: str) -> None:
    deadline = time.monotonic() + 60
    while text not in terminal.text:
        assert time.monotonic() < deadline, terminal.text
        family.attend(0.05)


def test_every_line_says_whose_it_is(family: Family, terminal: Terminal) -> None:
    family.start(script("web", FOREVER))
    attend_until(family, terminal, "web     | hello\n")


def test_a_child_leads_a_session_of_its_own(family: Family) -> None:
    family.start(script("web", FOREVER))
    pid = family.children["web"].process.pid
    assert os.getsid(pid) == pid


def test_a_crash_is_announced_and_repaired(family: Family, terminal: Terminal) -> None:
    family.start(script("web", "raise SystemExit(3)"))
    attend_until(family, terminal, "web ended with exit 3; it starts again in 1 s.")
    attend_until(family, terminal, "web ended with exit 3; it starts again in 2 s.")
    assert not family.has_failed


def test_the_fifth_crash_within_a_minute_is_one_too_many() -> None:
    lifeline, ours = os.pipe()
    child = Child(script("web", ""), lifeline)
    child.process.wait()
    assert [child.crashed() for _ in range(5)] == [1, 2, 4, 8, None]
    if child.process.stdout is not None:
        child.process.stdout.close()
    os.close(lifeline)
    os.close(ours)


def test_what_keeps_failing_stops_everything(family: Family, terminal: Terminal) -> None:
    family.start(script("web", "raise SystemExit(3)"))
    child = family.children["web"]
    for _ in range(4):
        child.crashed()
    child.start_at = None
    attend_until(family, terminal, "web keeps failing (exit 3), so everything stops.")
    assert family.has_failed


def test_stages_end_one_after_the_other(terminal: Terminal) -> None:
    family = Family(terminal.output)
    farewell = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye')))\n"
        "print('hello', flush=True)\n"
        "time.sleep(600)"
    )
    for stage, name in enumerate(("web", "work", "valkey")):
        family.start(script(name, farewell, stage))
        attend_until(family, terminal, f"{name:<7} | hello")
    family.stop(lambda: False)
    ends = [line.split()[0] for line in terminal.text.splitlines() if line.endswith("bye")]
    assert ends == ["web", "work", "valkey"]


def test_who_is_in_a_hurry_waits_for_nobody(terminal: Terminal) -> None:
    family = Family(terminal.output)
    family.start(script("web", STUBBORN))
    attend_until(family, terminal, "hello")
    started = time.monotonic()
    family.stop(lambda: True)
    assert time.monotonic() - started < GRACE_SECONDS
    assert not family.children["web"].is_running


def test_a_child_ends_when_the_lifeline_is_cut() -> None:
    lifeline, ours = os.pipe()
    wrapper = [sys.executable, "-I", "-S", str(PARENT_DEATH), str(os.getpid()), str(lifeline)]
    process = subprocess.Popen([*wrapper, sys.executable, "-c", FOREVER], pass_fds=[lifeline])
    os.close(lifeline)
    time.sleep(0.5)
    assert process.poll() is None
    os.close(ours)
    assert process.wait(60) != 0


def test_a_child_whose_parent_is_gone_does_not_start() -> None:
    wrapper = [sys.executable, "-I", "-S", str(PARENT_DEATH), "1", "-"]
    done = subprocess.run(
        [*wrapper, sys.executable, "-c", "print('alive')"], capture_output=True, check=False
    )
    if sys.platform == "linux":
        assert (done.returncode, done.stdout) == (1, b"")
