"""Every pattern with a worker of another domain, from a file to its end."""

import time
from pathlib import Path
from typing import Any

import pytest

from governance.models import Gate, Receipt
from orchestrator.models import Errand, Run
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.federation import Alliance
from tests.factories.governance import House
from tests.harness.workers import Workers
from tests.orchestrator.cells import player
from tests.orchestrator.cells.approving import people_are_asked
from tests.orchestrator.cells.driving import agents_of, bob_abroad, cast
from tests.orchestrator.cells.files import FILES, INPUTS, handoff
from tests.orchestrator.federating import ABROAD, worked_off

PATIENCE_SECONDS = 180


def begun(ally: Alliance, *steps: dict[str, Any]) -> Run:
    refs = {slug: {"ref": f"{slug}@1"} for slug in agents_of(steps)}
    agents = {**refs, "bob": ABROAD}
    saved = make.workflow(ally.home, *steps, agents=agents, topology="federated")
    return make.start(saved, ally.home.ines, INPUTS)


def ended_well(run: Run) -> bool:
    assert (run.state, run.error_detail) == ("succeeded", "")
    errands = Errand.objects.filter(step__run=run).select_related("run")
    assert errands.exists()
    for each in (run, *(errand.run for errand in errands)):
        assert each is not None
        outcome = replay(each.pk)
        assert isinstance(outcome, Replayed), outcome
    held = Receipt.objects.filter(message__in=[errand.pk for errand in errands])
    assert held.count() == 2 * errands.count()
    return True


@pytest.mark.parametrize("pattern", FILES)
def test_every_pattern_ends_well_with_a_worker_of_another_domain(
    home: House, pattern: str
) -> None:
    ally = bob_abroad(home)
    run = worked_off(begun(ally, *FILES[pattern]()))
    assert ended_well(run)
    assert Run.objects.filter(domain=ally.callee).exists()


def test_people_here_are_asked_in_the_name_of_an_agent_of_this_domain(home: House) -> None:
    people_are_asked(home)
    ally = bob_abroad(home)
    [chain, close] = handoff()
    chain["gates"] = {"bob": {"cid": "May it be shipped?"}}
    run = worked_off(begun(ally, chain, close))
    gate = Gate.objects.select_related("action__agent").get()
    assert (gate.domain, gate.action.agent.slug) == (home.domain, "ann")
    governance.review(gate, home.grace)
    sweep()
    assert ended_well(worked_off(run))


@pytest.mark.slow
def test_every_pattern_ends_well_through_real_workers(
    real_workers: Workers, tmp_path: Path
) -> None:
    home = governance.house(tmp_path)
    program = ["python", player.__file__]
    cast(home, "process", argv=program)
    ally = bob_abroad(home, "process", argv=program)
    real_workers.start()
    for pattern in FILES:
        run = begun(ally, *FILES[pattern]())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while run.state in {"running", "waiting"}:
            assert time.monotonic() < deadline, real_workers.log("work")
            sweep()
            time.sleep(0.05)
            run.refresh_from_db()
        assert ended_well(run)
