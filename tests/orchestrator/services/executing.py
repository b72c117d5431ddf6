"""A run that waits for its approval, a tool with something wrong with it, and workers that die."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.db.models.functions import Now

from governance import adapters
from governance.adapters import EffectRefusedError, EffectUnknownError
from governance.models import Gate
from orchestrator.models import Run, Step
from orchestrator.services import execution
from orchestrator.services.sweep import sweep
from tests.factories import governance
from tests.factories import orchestrator as make
from tests.factories.governance import House, LedgerAppend
from tests.factories.orchestrator import drive, started, step, step_of
from tests.orchestrator.services.proposing import append


@dataclass
class Tool(LedgerAppend):
    """The ledger, with something wrong with it."""

    effect_class: str = "probe"
    refuses: bool = False
    doubts: bool = False
    dies_after: bool = False
    calls: int = 0

    def perform(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], **keys: Any
    ) -> Mapping[str, Any]:
        self.calls += 1
        if self.refuses:
            raise EffectRefusedError("the ledger is locked")
        done = super().perform(arguments, pins, **keys)
        if self.doubts:
            raise EffectUnknownError("the line went dead")
        if self.dies_after:
            raise WorkerDiedError
        return done


class WorkerDiedError(BaseException):
    """Stands for SIGKILL: nothing of the worker runs after it."""


def put_in_place(tool: Tool, patch: pytest.MonkeyPatch) -> Tool:
    """Let this tool do what the ledger's does."""
    patch.setitem(adapters._adapters, tool.slug, tool)
    return tool


def waiting_run(home: House, **fields: Any) -> Run:
    """Start a run whose one step, of these fields, has proposed a line and waits for people."""
    make.agent(home, "clerk", output={"why": "tidy"}, proposals=[append(home.guarded)])
    run = started(
        home, step("write", "clerk", **fields), success=["steps.write.outputs.line == 'second'"]
    )
    drive(run, "write")
    return run


def approve(home: House) -> Gate:
    gate = Gate.objects.get(state="pending")
    governance.review(gate, home.grace)
    assert sweep().resumed == 1
    gate.refresh_from_db()
    return gate


def execute(run: Run) -> bool:
    return execution.execute(step_id=step_of(run, "write").pk, worker="effects:1")


def lose_worker() -> None:
    Step.objects.filter(state="running").update(lease_expires_at=Now())
    assert sweep().reclaimed == 1


def rest_over() -> None:
    Step.objects.filter(state="backoff").update(not_before=Now())
    assert sweep().woken == 1
