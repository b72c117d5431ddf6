from pathlib import Path

import pytest

from governance import adapters
from governance.models import Effect
from orchestrator.models import Run
from orchestrator.services import escalation, execution, supplying
from tests.factories import orchestrator as make
from tests.factories.governance import House, lines_in
from tests.factories.orchestrator import started, step, step_of, work
from tests.orchestrator.services.broken_ledger import BrokenLedger, WorkerDiedError
from tests.orchestrator.services.escalating import (
    escalated,
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
def doubtful(home: House, tool: BrokenLedger) -> Run:
    """A run that nobody can tell the effect of."""
    tool.effect_class, tool.doubts = "none", True
    make.agent(home, "clerk", proposals=[append(home.open)])
    run = work(started(home, step("write", "clerk")))
    assert (run.state, run.error_code) == ("escalated", "ambiguous_effect")
    tool.doubts = False
    return run


def test_an_effect_that_a_person_saw_happen_completes_its_step(
    home: House, doubtful: Run, tool: BrokenLedger
) -> None:
    said = {"happened": True, "response": {"line": "second"}, "reason": "I looked."}
    use(escalation.reconcile, doubtful, "write", **said)
    work(doubtful)
    assert (doubtful.state, tool.calls) == ("succeeded", 1)
    assert Effect.objects.get().state == "reconciled"
    assert step_of(doubtful, "write").output == {"line": "second"}


def test_an_effect_that_did_not_happen_is_proposed_anew(
    home: House, doubtful: Run, tool: BrokenLedger
) -> None:
    home.open.write_text("first\n")
    use(escalation.reconcile, doubtful, "write", happened=False, reason="I looked.")
    work(doubtful)
    assert (doubtful.state, tool.calls, lines_in(home.open)) == ("succeeded", 2, 1)
    assert sorted(Effect.objects.values_list("state", flat=True)) == ["failed", "succeeded"]


def test_a_step_in_doubt_does_nothing_else_before_it_is_settled(
    home: House, doubtful: Run
) -> None:
    refused(escalation.retry, doubtful, "effect_in_doubt", "write")
    refused(escalation.skip, doubtful, "effect_in_doubt", "write")
    refused(escalation.reroute, doubtful, "effect_in_doubt", "write", agent_id=home.scout.pk)
    refused(supplying.supply, doubtful, "effect_in_doubt", "write", output={})


def test_what_is_known_cannot_be_settled_again(home: House) -> None:
    refused(escalation.reconcile, escalated(home), "not_in_doubt", happened=True)


def test_an_effect_whose_workers_all_died_can_be_settled(home: House, tool: BrokenLedger) -> None:
    tool.dies_before = True
    make.agent(home, "clerk", proposals=[append(home.open)])
    run = started(home, step("write", "clerk"))
    with pytest.raises(WorkerDiedError):
        work(run)
    for _ in range(3):
        lose(step_of(run, "write"))
    assert Effect.objects.get().state == "in_flight"
    tool.dies_before = False
    use(escalation.reconcile, run, "write", happened=False)
    assert execution.execute(step_id=step_of(run, "write").pk, worker="later")
    work(run)
    assert (run.state, lines_in(home.open)) == ("succeeded", 1)
