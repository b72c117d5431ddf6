"""Agents of these tests that use something, and what was made of it."""

from typing import Any

from audit.services.events import recording
from governance.models import (
    Domain,
    Holding,
    Person,
)
from governance.services import domains
from orchestrator.models import Attempt, Run
from tests.factories import orchestrator as make
from tests.factories.governance import House

MODEL: dict[str, Any] = {
    "input_tokens": 600,
    "output_tokens": 400,
    "model": "ours",
    "tool_calls": 2,
}
PRICES = {"ours": {"input": "1.00", "output": "2.00"}}


def allowed(tokens: int, **fields: Any) -> dict[str, Any]:
    """Return what a run of a test file may use."""
    return {"usd": "1.00", "tokens": tokens, **fields}


def spender(home: House, slug: str = "style", **usage: Any) -> None:
    """Register an agent whose every turn uses the same."""
    make.agent(home, slug, output={"clean": True}, usage=usage or MODEL)


def may(person: Person, domain: Domain) -> None:
    """Let a person do everything in the domain."""
    with recording():
        domains.admit(domain=domain, person=person, permissions=domains.ALL_PERMISSIONS)


def holding_of(run: Run) -> Holding:
    return Holding.objects.get(pk=run.pk)


def attempt_of(run: Run, path: str) -> Attempt:
    return Attempt.objects.filter(step__run=run, step__path=path).latest("number")
