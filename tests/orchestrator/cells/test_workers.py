"""Every cell from a file, through real prefork workers and a real broker."""

import time
from collections.abc import Iterator

import pytest

from orchestrator.models import Attempt, Run
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services.sweep import sweep
from tests.factories.governance import House, house
from tests.harness.databases import CommittedDatabase
from tests.harness.workers import Workers
from tests.orchestrator.cells import player
from tests.orchestrator.cells.driving import begun, cast
from tests.orchestrator.cells.files import CELLS

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 180


def ended(run: Run, workers: Workers) -> Run:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while run.state in {"running", "waiting"}:
        assert time.monotonic() < deadline, workers.log("work")
        sweep()
        time.sleep(0.05)
        run.refresh_from_db()
    return run


@pytest.fixture(scope="module")
def workers(
    shared_db: CommittedDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workers]:
    workers = Workers(shared_db.environment, tmp_path_factory.mktemp("logs"))
    workers.start("work")
    yield workers
    workers.stop()


@pytest.fixture(scope="module")
def home(workers: Workers, tmp_path_factory: pytest.TempPathFactory) -> House:
    home = house(tmp_path_factory.mktemp("house"))
    cast(home, "process", argv=["python", player.__file__])
    return home


@pytest.mark.parametrize("cell", CELLS, ids="-".join)
def test_a_run_of_every_cell_ends_well_and_replays_without_a_difference(
    home: House, workers: Workers, cell: tuple[str, str]
) -> None:
    run = ended(begun(home, *cell), workers)
    assert (run.state, run.error_detail) == ("succeeded", "")
    for each in (run, *Run.objects.filter(errand__step__run=run)):
        outcome = replay(each.pk)
        assert isinstance(outcome, Replayed), outcome
    assert set(Attempt.objects.values_list("outcome", flat=True)) <= {"succeeded", "handed_over"}
