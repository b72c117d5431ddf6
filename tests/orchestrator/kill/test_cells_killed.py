"""A worker dies between an effect and its commit, in the middle of every pattern."""

import pytest

from governance.models import Effect
from orchestrator.selectors.replays import Replayed, replay
from tests.factories.governance import lines_in
from tests.orchestrator.cells.driving import begun
from tests.orchestrator.kill.stage import Stage, lines_of, put

pytestmark = [pytest.mark.kill, pytest.mark.slow]

PLACES = {
    "sequential": "work/check",
    "concurrent": "scans/2",
    "group_chat": "talk/turn#1",
    "handoff": "ship/turn#1",
    "magentic": "repair/item_mend",
}


@pytest.mark.parametrize("pattern", PLACES)
def test_an_effect_in_a_block_happens_once_although_its_worker_was_killed(
    stage: Stage, pattern: str
) -> None:
    stage.cast(PLACES[pattern])
    stage.workers.start("work")
    put(stage.open_after)
    run = begun(stage.home, pattern)
    stage.until(lambda: lines_in(stage.home.open) == 1)
    stage.workers.kill("work")
    assert Effect.objects.get().state == "in_flight"
    stage.open_after.unlink()
    stage.workers.start("work")
    stage.until_state(run, "succeeded", sweeping=True)
    assert lines_in(stage.home.open) == 1
    assert lines_of(stage.place / "open.txt.calls") == 1
    assert Effect.objects.get().state == "succeeded"
    outcome = replay(run.pk)
    assert isinstance(outcome, Replayed), outcome
