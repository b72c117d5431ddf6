"""Pages of runs and workflows whose steps are blocks."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories.governance import House
from tests.orchestrator.cells.conftest import home
from tests.orchestrator.cells.driving import begun, worked_off
from tests.orchestrator.cells.files import CELLS

__all__ = ["home"]

# Who does a step changes little on a page, so the other ten are looked at with --slow.
LOOKED_AT = [
    pytest.param(*cell, marks=[] if cell[1] == "centralized" else pytest.mark.slow)
    for cell in CELLS
]


@pytest.mark.parametrize(("pattern", "topology"), LOOKED_AT)
def test_a_run_with_blocks_is_shown_under_way_and_at_its_end_and_so_is_its_workflow(
    home: House, client: Client, pattern: str, topology: str
) -> None:
    client.force_login(home.grace)
    run = begun(home, pattern, topology)
    for shown in (run, worked_off(run)):
        page = client.get(reverse("run", args=[shown.pk]))
        assert page.status_code == 200
        for step in run.steps.all():
            assert step.place in page.content.decode()
    answer = client.get(reverse("api-run", args=[run.pk]))
    assert answer.status_code == 200
    page = client.get(reverse("workflow", args=[run.workflow_id]))
    assert page.status_code == 200
    assert "Ann" in page.content.decode()
