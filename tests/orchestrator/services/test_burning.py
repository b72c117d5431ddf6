"""A run that spends much faster than others of its workflow is paused once, and people hear."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now

from governance.models import Holding
from orchestrator.models import Run
from orchestrator.services import burning, pausing
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House, house
from tests.factories.orchestrator import started, step, work
from tests.orchestrator.services.spenders import may

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> House:
    return house(tmp_path)


def fast(home: House, before: int) -> Run:
    """Return a run that spends a dollar a minute, after some that spent ten cents."""
    make.agent(home, "style", usage={"micro_usd": 100_000})
    saved = make.workflow(home, step("a", "style"), step("b", "style"))
    for _time in range(before):
        work(make.start(saved, home.ines))
    run = make.start(saved, home.ines)
    Holding.objects.filter(pk=run.pk).update(
        micro_usd_spent=2_000_000, opened_at=Now() - timedelta(minutes=2)
    )
    return run


def test_a_run_that_spends_too_fast_is_paused_once_and_people_are_told(home: House) -> None:
    may(home.ada, home.domain)
    run = fast(home, before=5)
    assert burning.hold_up_fast() == 1
    run.refresh_from_db()
    assert run.state == "paused"
    assert "1.00 USD a minute" in run.pause_reason
    assert recorded(f"run:{run.pk}")[-2:] == ["budget.burning", "run.paused"]
    assert "was paused" in home.ada.notices.get().title
    pausing.resume(run_id=run.pk, person=home.ada, reason="It is worth it")
    assert burning.hold_up_fast() == 0
    assert started(home, step("c", "style")).state == "running"


def test_where_too_little_is_known_nothing_is_paused(home: House) -> None:
    run = fast(home, before=4)
    assert burning.hold_up_fast() == 0
    run.refresh_from_db()
    assert run.state == "running"
