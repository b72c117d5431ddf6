"""Work between domains as a run's page tells it: for whom it is done, and who does what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from governance.budgeting.amounts import usd
from governance.models import Contract, Receipt
from governance.refusals import Refusal
from governance.selectors.contracts import visible_contract
from orchestrator.models import Errand
from orchestrator.selectors.run_view import RunView
from orchestrator.selectors.runs import visible_run


@dataclass(frozen=True, slots=True)
class Bond:
    """A contract by its name; the id is empty for who may not see it."""

    name: str
    id: UUID | None


@dataclass(frozen=True, slots=True)
class Commission:
    """For whom a run is done. `run_id` is the caller's, empty for who may not see it."""

    caller: str
    contract: Bond
    step: str
    run_id: UUID | None


@dataclass(frozen=True, slots=True)
class Handed:
    """A turn that another domain does for a step. `outcome` is empty until its receipt is here.

    `cost` is in dollars, `decisions` says of how many decisions there the receipt tells.
    """

    callee: str
    contract: Bond
    run_id: UUID | None
    outcome: str = ""
    cost: str = ""
    decisions: int = 0
    digest: str = ""
    received_at: datetime | None = None


def commission_of(person: Any, run: RunView) -> Commission | None:
    """Return for whom the run is done; None where its own domain wanted it."""
    asked = Errand.objects.filter(run_id=run.id).select_related("contract__caller")
    errand = asked.first() if run.contract_id else None
    if errand is None:
        return None
    return Commission(
        caller=errand.contract.caller.name,
        contract=_bond(person, errand.contract),
        step=str(errand.request["step"]),
        run_id=_seen(person, errand.request["run"]),
    )


def handed_in(person: Any, run: RunView) -> Mapping[str, Handed]:
    """Return what other domains were asked to do, by the step; what was asked last counts."""
    errands = Errand.objects.filter(step__run_id=run.id).order_by("created_at")
    every = list(errands.select_related("contract__callee", "step"))
    held = Receipt.objects.filter(
        holder_id=run.domain_id, message__in=[errand.key for errand in every]
    )
    receipts = {receipt.message: receipt for receipt in held}
    return {
        errand.step.place: _handed(person, errand, receipts.get(errand.key))
        for errand in every
        if errand.step
    }


def _handed(person: Any, errand: Errand, receipt: Receipt | None) -> Handed:
    contract = errand.contract
    bond, run_id = _bond(person, contract), _seen(person, errand.run_id)
    if receipt is None:
        return Handed(contract.callee.name, bond, run_id)
    return Handed(
        callee=contract.callee.name,
        contract=bond,
        run_id=run_id,
        outcome=str(receipt.body["outcome"]),
        cost=usd(receipt.spent_micro_usd),
        decisions=len(receipt.body["decisions"]),
        digest=receipt.digest,
        received_at=receipt.created_at,
    )


def _bond(person: Any, contract: Contract) -> Bond:
    try:
        return Bond(contract.name, visible_contract(person, contract.pk).pk)
    except Refusal:
        return Bond(contract.name, None)


def _seen(person: Any, run_id: UUID | str | None) -> UUID | None:
    try:
        return visible_run(person, run_id).pk if run_id else None
    except Refusal:
        return None
