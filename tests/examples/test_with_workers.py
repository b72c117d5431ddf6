"""Every example once through real prefork workers and a real broker."""

import time
from pathlib import Path

import pytest

from governance.models import Gate, GateState
from orchestrator.models import Run
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services.sweep import sweep
from tests.examples.houses import House, house_of
from tests.examples.services import service
from tests.factories import orchestrator as make
from tests.factories.governance import review
from tests.harness.workers import Workers

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 240


def ended(run: Run, house: House, workers: Workers) -> Run:
    """Wait for the end of a run, while Grace agrees to whatever she is asked."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while run.state in {"running", "waiting"}:
        assert time.monotonic() < deadline, workers.log("work")
        for gate in Gate.objects.filter(action__run_id=run.pk, state=GateState.PENDING):
            review(gate, house.grace)
        sweep()
        time.sleep(0.1)
        run.refresh_from_db()
    return run


@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("security-scanning", ["secret"]),
        ("performance-optimisation", ["recompute"]),
        ("incident-response", ["leak"]),
        ("incident-command", ["flood"]),
        ("release", []),
        ("self-healing-ci", ["typo", "protected"]),
    ],
)
def test_an_example_runs_to_its_end_and_replays_without_a_difference(
    real_workers: Workers, tmp_path: Path, name: str, faults: list[str]
) -> None:
    house = house_of(name)
    real_workers.start("work")
    with service(name, tmp_path, *faults) as inputs:
        run = ended(make.start(house.workflow, house.ines, inputs), house, real_workers)
    assert (run.state, run.error_detail) == ("succeeded", "")
    assert isinstance(replay(run.pk), Replayed)
