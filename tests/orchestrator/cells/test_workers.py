"""Every cell from a file, through real prefork workers and a real broker."""

import time
from pathlib import Path

import pytest

from orchestrator.models import Attempt, Run
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services.sweep import sweep
from tests.factories.governance import house
from tests.harness.workers import Workers
from tests.orchestrator.cells import player
from tests.orchestrator.cells.driving import begun, cast
from tests.orchestrator.cells.files import CELLS

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 60


def ended(run: Run, workers: Workers) -> Run:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while run.state in {"running", "waiting"}:
        assert time.monotonic() < deadline, workers.log("work")
        sweep()
        time.sleep(0.05)
        run.refresh_from_db()
    return run


def test_runs_of_every_cell_end_and_replay_without_a_difference(
    real_workers: Workers, tmp_path: Path
) -> None:
    home = house(tmp_path)
    cast(home, "process", argv=["python", player.__file__])
    real_workers.start("work")
    for run in [begun(home, *cell) for cell in CELLS]:
        ended(run, real_workers)
        assert (run.state, run.error_detail) == ("succeeded", "")
        outcome = replay(run.pk)
        assert isinstance(outcome, Replayed), outcome
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"succeeded"}
