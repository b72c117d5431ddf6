"""Every pattern under every topology, from a file to its end, and derived from the stream."""

import pytest

from governance.models import Agent
from orchestrator.models import Run
from orchestrator.selectors.replays import Replayed, replay
from tests.factories.governance import House
from tests.orchestrator.cells.driving import begun
from tests.orchestrator.cells.files import CELLS, FILES
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


@pytest.mark.parametrize("pattern", FILES)
def test_peers_on_strict_terms_end_well_too_and_nobody_wins_work_from_his_own_owner(
    home: House, pattern: str
) -> None:
    Agent.objects.exclude(slug__startswith="ann").update(owner=home.grace)
    run = worked_off(begun(home, pattern, "strict"))
    assert (run.state, run.error_detail) == ("succeeded", "")
    barred = 0
    for row in run.steps.filter(kind="block", task__has_key="announced_by"):
        by = {f"{alias}".replace("_", "-") for alias in row.task["announced_by"]}
        turns = run.steps.filter(path__startswith=f"{row.place}/")
        own = Agent.objects.filter(slug__in=by).values("owner")
        assert not turns.filter(agent__owner__in=own).exists(), row.place
        barred += 1
    assert bool(barred) == (pattern in {"magentic", "handoff"})
    outcome = replay(run.pk)
    assert isinstance(outcome, Replayed), outcome
