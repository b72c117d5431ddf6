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


@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_a_run_of_every_cell_ends_well_and_replays_without_a_difference(
    real_workers: Workers, tmp_path: Path, cell: tuple[str, str]
) -> None:
    home = house(tmp_path)
    cast(home, "process", argv=["python", player.__file__])
    real_workers.start("work")
    run = ended(begun(home, *cell), real_workers)
    assert (run.state, run.error_detail) == ("succeeded", "")
    for each in (run, *Run.objects.filter(errand__step__run=run)):
        outcome = replay(each.pk)
        assert isinstance(outcome, Replayed), outcome
    assert set(Attempt.objects.values_list("outcome", flat=True)) <= {"succeeded", "handed_over"}
