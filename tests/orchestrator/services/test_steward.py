import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from orchestrator.models import Leadership
from orchestrator.selectors.leadership import STEWARD
from orchestrator.services import leadership, steward
from orchestrator.services.steward import Job
from tests.harness.databases import CommittedDatabase
from tests.harness.instances import ROOT

Start = Callable[[], "subprocess.Popen[bytes]"]
# A lease of three sweeps outlasts what a busy machine lets its holder wait.
SWEEP_SECONDS = 2


def test_a_failing_job_is_logged_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    done = []

    def fail() -> None:
        raise LookupError("gone")

    with caplog.at_level(logging.ERROR):
        steward.work([Job("first", fail), Job("second", lambda: done.append("second"))])
    assert done == ["second"]
    assert [record.getMessage() for record in caplog.records] == ["the steward's job first failed"]


def test_an_hourly_job_is_not_run_at_every_sweep() -> None:
    done = []
    jobs = [
        Job("hourly", lambda: done.append("hourly"), every=3600),
        Job("always", lambda: done.append("always")),
    ]
    steward.work(jobs)
    steward.work(jobs)
    assert done == ["hourly", "always", "always"]


def test_all_its_jobs_run_on_an_empty_database(
    committed_db: CommittedDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    steward.work(steward.JOBS)
    assert caplog.records == []


@pytest.fixture
def start(committed_db: CommittedDatabase) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        extra = {**committed_db.environment, "SWEEP_SECONDS": str(SWEEP_SECONDS)}
        command = [sys.executable, "manage.py", "steward"]
        started.append(subprocess.Popen(command, cwd=ROOT, env=os.environ | extra))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for_a_leader(other_than: str = "", seconds: float = 60) -> str:
    deadline = time.monotonic() + seconds
    while True:
        holder = steward_holder()
        if holder and holder != other_than:
            return holder
        assert time.monotonic() < deadline, f"nobody but {holder or 'nobody'} leads"
        time.sleep(0.05)


def steward_holder() -> str:
    row = Leadership.objects.filter(role=STEWARD).first()
    return row.holder if row else ""


@pytest.mark.kill
def test_a_second_steward_takes_over_within_the_lease(start: Start) -> None:
    first = start()
    leader = wait_for_a_leader()
    start()
    time.sleep(2 * SWEEP_SECONDS)
    assert steward_holder() == leader
    first.send_signal(signal.SIGKILL)
    lease = SWEEP_SECONDS * steward.LEASE_IN_SWEEPS
    wait_for_a_leader(other_than=leader, seconds=lease + 60)
    assert Leadership.objects.get().fence == 2


@pytest.mark.kill
def test_a_steward_that_is_told_to_stop_hands_over_at_once(start: Start) -> None:
    process = start()
    wait_for_a_leader()
    process.terminate()
    assert process.wait(120) == 0
    assert leadership.lead(role=STEWARD, holder="next", lease=steward.lease()) == 2
