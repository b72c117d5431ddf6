"""Runs of the house that ask the other domain, and what workers on both sides would do."""

from typing import Any

from django.db.models import QuerySet

from governance.models import Agent, Receipt
from orchestrator.models import Run, Step
from orchestrator.selectors.replays import Replayed, replay
from orchestrator.services import execution, turns
from orchestrator.services.sweep import sweep
from tests.factories import federation
from tests.factories import orchestrator as make
from tests.factories.federation import Alliance
from tests.factories.orchestrator import WORKER, step

HERE = {"ref": "ann@1"}
ABROAD = {"ref": "bob@1", "domain": "elsewhere", "contract": federation.NAME}


def agents(ally: Alliance, **config: Any) -> None:
    """Register Ann of the house and Bob of the other domain; both echo."""
    make.agent(ally.home, "ann")
    federation.agent(ally, "bob", runner="echo", runner_config=config)


def started(ally: Alliance, *steps: dict[str, Any], **fields: Any) -> Run:
    """Start a run in which Bob does the second of two steps."""
    asked = steps or (step("first", "ann"), step("second", "bob"))
    named = str(asked)
    aliases = {"ann": HERE, "bob": ABROAD}
    used = {alias: ref for alias, ref in aliases.items() if f"'{alias}'" in named}
    fields = {"agents": used, "topology": "federated", **fields}
    return make.start(make.workflow(ally.home, *asked, **fields), ally.home.ines, {"n": 1})


def worked_off(run: Run, most: int = 200) -> Run:
    """Do what there is to do on both sides until nothing is; people's part is left to them."""
    for _ in range(most):
        ready = Step.objects.filter(run__state="running", state="ready").order_by("created_at")
        found = ready.first()
        if found is not None:
            if found.action_id:
                execution.execute(step_id=found.pk, worker=WORKER)
            else:
                turns.drive(step_id=found.pk, worker=WORKER)
        elif not _found(ready):
            run.refresh_from_db()
            return run
    raise AssertionError("there is always more to do")


def child_of(run: Run) -> Run:
    """Return the only run that was begun elsewhere for this one."""
    return Run.objects.get(errand__step__run=run)


def _found(ready: QuerySet[Step]) -> bool:
    sweep()
    return ready.exists()


def replays(run: Run) -> bool:
    """Whether every decision of the run follows from its stream."""
    outcome = replay(run.pk)
    assert isinstance(outcome, Replayed), outcome
    return True


def nothing_happened_elsewhere(ally: Alliance) -> bool:
    """Whether the other domain has no run, and nobody a receipt."""
    runs = Run.objects.filter(domain=ally.callee)
    return not runs.exists() and not Receipt.objects.exists()


def bob_of(ally: Alliance) -> QuerySet[Agent]:
    """Return the agent of the other domain, to be changed."""
    return Agent.objects.filter(domain=ally.callee, slug="bob")
