"""Every pattern under every topology, from a file to its end, and derived from the stream."""

import pytest

from orchestrator.models import Run
from orchestrator.selectors.replays import Replayed, replay
from tests.factories.governance import House
from tests.orchestrator.cells.driving import begun
from tests.orchestrator.cells.files import CELLS
from tests.orchestrator.federating import worked_off


def places(run: Run) -> list[str]:
    return [step.place for step in run.steps.order_by("position", "created_at")]


@pytest.mark.parametrize(("pattern", "topology"), CELLS)
def test_a_run_of_every_pattern_ends_well_and_replays_without_a_difference(
    home: House, pattern: str, topology: str
) -> None:
    run = worked_off(begun(home, pattern, topology))
    assert (run.state, run.error_detail) == ("succeeded", "")
    outcome = replay(run.pk)
    assert isinstance(outcome, Replayed), outcome
    assert outcome.decided > 3
