from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from governance import adapters
from governance.refusals import Refusal
from orchestrator.models import Run, Step
from orchestrator.services import escalation, execution, supplying
from orchestrator.services.sweep import sweep
from tests.factories import orchestrator as make
from tests.factories.audit import recorded
from tests.factories.governance import House, lines_in
from tests.factories.orchestrator import started, step, step_of, work
from tests.orchestrator.services.broken_ledger import BrokenLedger
from tests.orchestrator.services.escalating import (
    escalated,
    last_event,
    lose,
    operated,
    refused,
    use,
)
from tests.orchestrator.services.proposing import append


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    return operated(tmp_path)


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> BrokenLedger:
    tool = BrokenLedger()
    monkeypatch.setitem(adapters._adapters, tool.slug, tool)
    return tool


@pytest.fixture
def halfway(home: House, tool: BrokenLedger) -> Run:
    """A run that wrote a line and then needs a person."""
    make.agent(home, "clerk", proposals=[append(home.open)])
    make.agent(home, "style")
    saved: dict[str, Any] = {"rollback_on": []}
    run = work_until(started(home, step("write", "clerk"), step("look", "style"), **saved))
    for _ in range(3):
        lose(step_of(run, "look"))
    return run


def work_until(run: Run) -> Run:
    make.drive(run, "write")
    execution.execute(step_id=step_of(run, "write").pk, worker="effects:1")
    return run


def rolled_back(run: Run) -> None:
    escalation.roll_back(run_id=run.pk, person=run.initiator, reason="Start over.")
    run.refresh_from_db()


def test_a_person_can_let_everything_be_undone(home: House, halfway: Run) -> None:
    rolled_back(halfway)
    assert halfway.state == "compensating"
    work(halfway)
    assert (halfway.state, halfway.error_code) == ("failed", "rolled_back")
    assert (halfway.rollback, lines_in(home.open)) == ("complete", 0)
    assert last_event(halfway, "run.rolling_back").actor_id == str(home.ines.pk)


def test_a_run_that_did_nothing_cannot_be_rolled_back(home: House) -> None:
    run = escalated(home)
    with pytest.raises(Refusal) as caught:
        rolled_back(run)
    assert caught.value.code == "nothing_to_undo"
    assert recorded(f"run:{run.pk}")[-1] == "run.refused"


def stuck(home: House, halfway: Run, tool: BrokenLedger) -> Run:
    tool.undo_refuses = {home.open.name}
    rolled_back(halfway)
    for _ in range(3):
        work(halfway)
        Step.objects.filter(state="backoff").update(not_before=Now())
        sweep()
    halfway.refresh_from_db()
    assert (halfway.state, halfway.error_code) == ("escalated", "compensation_failed")
    tool.undo_refuses = set()
    return halfway


def test_an_undo_that_a_person_mended_is_done_after_all(
    home: House, halfway: Run, tool: BrokenLedger
) -> None:
    run = stuck(home, halfway, tool)
    use(escalation.retry, run, "undo/write")
    assert run.state == "compensating"
    work(run)
    assert (run.state, run.rollback, run.error_code) == ("failed", "complete", "rolled_back")


@pytest.mark.parametrize("verb", [escalation.skip, escalation.fail])
def test_an_undo_that_is_given_up_ends_the_run_with_something_left(
    home: House, halfway: Run, tool: BrokenLedger, verb: Any
) -> None:
    run = stuck(home, halfway, tool)
    use(verb, run, "undo/write")
    assert (run.state, run.rollback) == ("failed", "partial")
    assert lines_in(home.open) == 1


def test_from_a_failed_undo_a_run_goes_nowhere_else(
    home: House, halfway: Run, tool: BrokenLedger
) -> None:
    run = stuck(home, halfway, tool)
    refused(escalation.reroute, run, "not_for_undo", "undo/write", agent_id=home.scout.pk)
    refused(supplying.supply, run, "not_for_undo", "undo/write", output={})
    with pytest.raises(Refusal, match="does not need"):
        rolled_back(run)
