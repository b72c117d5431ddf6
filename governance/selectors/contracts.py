"""Contracts as people of either side see them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from governance.models import (
    CONTRACT_TRANSITIONS,
    Contract,
    ContractSignature,
    ContractState,
    Domain,
    Receipt,
    Unit,
)
from governance.refusals import Invalid, Refusal
from governance.selectors import binding, people
from governance.selectors.budgets import Bar, bar_of

PERMISSION = "sign_contracts"
MOST_ROWS = 200
RECENT_RECEIPTS = 20
MICRO = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class ContractRow:
    """One line of the list."""

    id: str
    name: str
    caller: str
    callee: str
    state: str
    state_label: str
    signatures: int
    expires_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class SideView:
    """One side: which domain, its key, who signed for it and when, and whether that holds."""

    domain: str
    name: str
    key: str
    signed_by: str
    signed_at: datetime | None
    may_sign: bool


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """What came of one errand, as the reader's side holds it; `decisions` say no names."""

    outcome: str
    spent_usd: str
    digest: str
    run: str
    decisions: Sequence[Mapping[str, Any]]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ContractView:
    """Everything the contract's page shows. `is_whole`: both signatures hold for this body.

    `suspended_by` is the side that suspended it and alone may resume it.

    `bar` is what was used of the cap, `unsigned` who still has to sign a draft.
    """

    id: str
    name: str
    state: str
    state_label: str
    suspended_by: str
    suspended_reason: str
    ended_reason: str
    digest: str
    sides: Sequence[SideView]
    agents: Sequence[str]
    actions: Sequence[str]
    scopes: Sequence[str]
    data_classes: Sequence[str]
    budget_cap_usd: str
    spent_usd: str
    bar: Bar
    unsigned: str
    expires_at: datetime
    ended_at: datetime | None
    is_whole: bool
    may_suspend: bool
    may_resume: bool
    may_revoke: bool
    receipts: Sequence[ReceiptView]


def page_for(person: Any) -> list[ContractRow]:
    """Return the contracts of the person's domains, newest first."""
    found = _visible(person).select_related("caller", "callee").prefetch_related("signatures")
    return [_row(contract) for contract in found.order_by("-created_at", "id")[:MOST_ROWS]]


def visible_contract(person: Any, contract_id: uuid.UUID | str) -> Contract:
    """Return the contract itself, for a use case; raises Refusal `not_found` (404).

    A contract between domains in which the person may do nothing is as good as none.
    """
    found = _visible(person).filter(pk=contract_id).select_related("caller", "callee").first()
    if found is None:
        raise Refusal("not_found", _("There is no such contract that you may see."), status=404)
    return found


def contract_for(person: Any, contract_id: uuid.UUID | str) -> ContractView:
    """Return the page's view; raises Refusal `not_found` (404)."""
    contract = visible_contract(person, contract_id)
    body, holder = contract.body, _own_side(person, contract)
    cap, spent = body["budget_cap_micro_usd"], binding.spent_under(contract, holder=holder)
    signed = {s.domain_id: s for s in contract.signatures.select_related("person")}
    sides = [
        _side(person, contract, domain, body[end], signed)
        for end, domain in (("from", contract.caller), ("to", contract.callee))
    ]
    may_act = any(_may_sign(person, domain) for domain in _both(contract))
    return ContractView(
        id=str(contract.pk),
        name=contract.name,
        state=contract.state,
        state_label=contract.get_state_display(),
        suspended_by=str(contract.suspended_by or ""),
        suspended_reason=contract.suspended_reason,
        ended_reason=contract.ended_reason,
        digest=contract.digest,
        sides=sides,
        agents=body["agents"],
        actions=body["actions"],
        scopes=body["scopes"],
        data_classes=body["data_classes"],
        budget_cap_usd=_usd(cap),
        spent_usd=_usd(spent),
        bar=bar_of(Unit.MICRO_USD, cap, 0, spent, max(0, spent - cap)),
        unsigned=", ".join(side.name for side in sides if not side.signed_by),
        expires_at=contract.expires_at,
        ended_at=contract.ended_at,
        is_whole=binding.is_whole(contract),
        may_suspend=contract.state == ContractState.ACTIVE and may_act,
        may_resume=bool(contract.suspended_by and _may_sign(person, contract.suspended_by)),
        may_revoke=_is_open(contract) and may_act,
        receipts=[_receipt(r, holder) for r in _recent(contract, holder)],
    )


def side_named(slug: str, field: str) -> Domain:
    """Return the domain with this short name; raises Invalid naming the field."""
    found = Domain.objects.filter(slug=slug).first()
    if found is None:
        detail = _("There is no domain with this short name.")
        errors = [{"pointer": f"/{field}", "detail": detail}]
        raise Invalid("invalid_contract", detail, errors=errors)
    return found


def _visible(person: Any) -> QuerySet[Contract]:
    domains = people.domains_of(person)
    return Contract.objects.filter(Q(caller__in=domains) | Q(callee__in=domains))


def _own_side(person: Any, contract: Contract) -> Domain:
    return contract.caller if people.permissions_for(person, contract.caller) else contract.callee


def _both(contract: Contract) -> tuple[Domain, Domain]:
    return contract.caller, contract.callee


def _may_sign(person: Any, domain: Domain) -> bool:
    return PERMISSION in people.permissions_for(person, domain)


def _is_open(contract: Contract) -> bool:
    return bool(CONTRACT_TRANSITIONS[contract.state])


def _side(
    person: Any,
    contract: Contract,
    domain: Domain,
    plain: Mapping[str, Any],
    signed: Mapping[uuid.UUID, ContractSignature],
) -> SideView:
    signature = signed.get(domain.pk)
    is_draft = contract.state == ContractState.DRAFT
    signed_other = any(s.person_id == person.pk for s in signed.values())
    return SideView(
        domain=domain.slug,
        name=domain.name,
        key=plain["key"],
        signed_by=str(signature.person) if signature else "",
        signed_at=signature.created_at if signature else None,
        may_sign=is_draft and not signature and not signed_other and _may_sign(person, domain),
    )


def _recent(contract: Contract, holder: Domain) -> QuerySet[Receipt]:
    held = contract.receipts.filter(holder=holder)
    return held.order_by("-created_at", "id")[:RECENT_RECEIPTS]


def _receipt(receipt: Receipt, holder: Domain) -> ReceiptView:
    body = receipt.body
    side = "callee" if body["callee"]["domain"] == str(holder.pk) else "caller"
    return ReceiptView(
        outcome=body["outcome"],
        spent_usd=_usd(receipt.spent_micro_usd),
        digest=receipt.digest,
        run=body[side]["run"],
        decisions=body["decisions"],
        created_at=receipt.created_at,
    )


def _row(contract: Contract) -> ContractRow:
    return ContractRow(
        id=str(contract.pk),
        name=contract.name,
        caller=contract.caller.name,
        callee=contract.callee.name,
        state=contract.state,
        state_label=contract.get_state_display(),
        signatures=len(contract.signatures.all()),
        expires_at=contract.expires_at,
        ended_at=contract.ended_at,
    )


def _usd(micro: int) -> str:
    return f"{(Decimal(micro) / MICRO).quantize(Decimal('0.01'))}"
