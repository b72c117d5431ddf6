"""Contracts between domains: drafted, signed by both sides, suspended and revoked by either."""

import uuid
from typing import Any

from django.db import IntegrityError
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit.canonical import digest
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.contract_terms import Side, Terms, check, moment
from governance.models import (
    CONTRACT_TRANSITIONS,
    Contract,
    ContractSignature,
    ContractState,
    Domain,
    Person,
)
from governance.refusals import Forbidden, Invalid, Refusal
from governance.selectors import people
from governance.selectors.binding import SIGNATURE_KIND
from governance.selectors.clock import database_now
from governance.services import domain_keys

PERMISSION = "sign_contracts"
REASON_LENGTH = 500
STEWARD = Actor.system("steward")
_ANY = Q()
_DRAFTS = uuid.uuid5(uuid.NAMESPACE_URL, "https://countersign.dev/drafts-of-contracts")


def draft(
    *, caller: Domain, callee: Domain, terms: Terms, person: Person, key: str = ""
) -> Contract:
    """Write down what could be agreed; nothing binds until both sides signed.

    Needs `sign_contracts` in one of the two domains. The same `key` of a person makes one draft:
    sent again with the same terms it answers with that one. Raises Invalid with every wrong
    term, and Refusal for a key that made a draft of other terms.
    """
    _refuse_unless_signatory(person, caller, callee)
    check(terms)
    if caller.pk == callee.pk:
        raise _wrong("callee", _("A contract is between two different domains."))
    if terms.expires_at <= database_now():
        raise _wrong("expires_at", _("A contract ends in the future."))
    number = _number(person, key)
    body = terms.body(str(number), _side(caller), _side(callee))
    contract = Contract(
        id=number,
        name=terms.name,
        caller=caller,
        callee=callee,
        body=body,
        digest=digest(body),
        expires_at=terms.expires_at,
        drafted_by=person,
    )
    return _drafted_before(contract) or _drafted(contract)


def sign(*, contract: Contract, domain: Domain, person: Person, shown: str) -> Contract:
    """Sign for one side exactly the body with the digest `shown`; the second signature binds.

    A person signs for one side only. Raises Forbidden, or Refusal when the contract is no draft
    any more, has expired, or that side signed before.
    """
    if domain.pk not in {contract.caller_id, contract.callee_id}:
        raise Refusal("not_found", _("This domain is no side of the contract."), status=404)
    people.require(person, domain, PERMISSION)
    if shown != contract.digest:
        detail = _("This is not the contract you were shown; load the page again.")
        raise Refusal("stale_presentation", detail, status=412)
    statement = {
        "kind": SIGNATURE_KIND,
        "contract": contract.digest,
        "domain": str(domain.pk),
        "person": str(person.pk),
        "signed_at": moment(database_now()),
    }
    signature = domain_keys.sign(domain, statement)
    with recording():
        _lock_draft(contract)
        _refuse_second_signature(contract, domain, person)
        ContractSignature.objects.create(
            contract=contract,
            domain=domain,
            person=person,
            statement=statement,
            signature=signature,
        )
        actor = Actor.person(person.pk)
        _tell(contract, "contract.signed", actor, side=domain.slug, person=str(person))
        if contract.signatures.count() == len(("caller", "callee")):
            _bind(contract, ContractState.DRAFT)
            _tell(contract, "contract.activated", actor)
    return _fresh(contract)


def suspend(*, contract: Contract, person: Person, reason: str) -> Contract:
    """Let a contract bind nobody until it is resumed; either side may, with `sign_contracts`.

    It counts as a revocation does, for every claim, effect and commit from now on: work under way
    does nothing more, and what asks for a next turn or effect meanwhile fails.
    """
    side = _side_of(person, contract)
    said = _said(reason)
    with recording():
        suspended = ContractState.SUSPENDED
        if not _move(contract, suspended, suspended_by=side, suspended_reason=said):
            raise _not_open(contract)
        actor = Actor.person(person.pk)
        _tell(contract, "contract.suspended", actor, side=side.slug, reason=said)
    return _fresh(contract)


def resume(*, contract: Contract, person: Person) -> Contract:
    """Let a suspended contract bind again; only the side that suspended it may.

    Raises Refusal when it is not suspended, or another one of its name binds by now.
    """
    now = _fresh(contract)
    if now.suspended_by is None:
        raise _not_open(contract)
    people.require(person, now.suspended_by, PERMISSION)
    with recording():
        _bind(contract, ContractState.SUSPENDED, suspended_by=None, suspended_reason="")
        actor = Actor.person(person.pk)
        _tell(contract, "contract.resumed", actor, side=now.suspended_by.slug)
    return _fresh(contract)


def revoke(*, contract: Contract, person: Person, reason: str) -> Contract:
    """End a contract for both sides at once; either may, with `sign_contracts` and a reason.

    It counts for every claim, effect and commit from now on.
    """
    _refuse_unless_signatory(person, contract.caller, contract.callee)
    said = _said(reason)
    with recording():
        if not _move(contract, ContractState.REVOKED, ended_at=Now(), ended_reason=said):
            raise _not_open(contract)
        _tell(contract, "contract.revoked", Actor.person(person.pk), reason=said)
    return _fresh(contract)


def expire_due(*, limit: int = 100) -> int:
    """Say of every contract whose time is over that it expired; returns how many.

    Only a label: a contract whose time is over binds nobody whether or not this ran.
    """
    over = Q(expires_at__lte=Now())
    open_states = [ContractState.DRAFT, ContractState.ACTIVE, ContractState.SUSPENDED]
    due = Contract.objects.filter(over, state__in=open_states).order_by("expires_at")
    expired = 0
    for contract in list(due[:limit]):
        with recording():
            if _move(contract, ContractState.EXPIRED, only=over, ended_at=Now()):
                _tell(contract, "contract.expired", STEWARD)
                expired += 1
    return expired


def _number(person: Person, key: str) -> uuid.UUID:
    # Keys are each person's own: nobody can take the number of another one's draft.
    return uuid.uuid5(_DRAFTS, f"{person.pk}|{key}") if key else uuid.uuid4()


def _drafted(contract: Contract) -> Contract:
    try:
        with recording():
            contract.save(force_insert=True)
            _tell(contract, "contract.drafted", Actor.person(contract.drafted_by_id))
    except IntegrityError:
        if before := _drafted_before(contract):
            return before
        raise
    return contract


def _drafted_before(contract: Contract) -> Contract | None:
    before = Contract.objects.filter(pk=contract.pk).first()
    if before is not None and before.digest != contract.digest:
        detail = _("This form already made another draft; open it anew for these terms.")
        raise Refusal("draft_key_taken", detail)
    return before


def _wrong(field: str, detail: str) -> Invalid:
    errors = [{"pointer": f"/{field}", "detail": detail}]
    return Invalid("invalid_contract", detail, errors=errors)


def _said(reason: str) -> str:
    said = reason.strip()
    if not 1 <= len(said) <= REASON_LENGTH:
        detail = _("Say why, in 1 to 500 characters.")
        raise Invalid("reason_required", detail, errors=[{"pointer": "/reason", "detail": detail}])
    return said


def _side(domain: Domain) -> Side:
    return Side(str(domain.pk), domain.slug, domain_keys.ensure(domain).public)


def _refuse_unless_signatory(person: Person, *sides: Domain) -> None:
    if not isinstance(person, Person):
        raise Forbidden("agent_principal", _("Only people can do this, never an agent."))
    if not any(PERMISSION in people.permissions_for(person, side) for side in sides):
        people.require(person, sides[0], PERMISSION)


def _side_of(person: Person, contract: Contract) -> Domain:
    """Return the side for which the person may sign; raises Forbidden where there is none."""
    sides = contract.caller, contract.callee
    _refuse_unless_signatory(person, *sides)
    return next(side for side in sides if PERMISSION in people.permissions_for(person, side))


def _lock_draft(contract: Contract) -> None:
    """Let two people sign one after the other; whoever comes too late is told."""
    in_time = Contract.objects.filter(pk=contract.pk, expires_at__gt=Now())
    if not in_time.filter(state=ContractState.DRAFT).select_for_update().first():
        raise _not_open(contract)


def _refuse_second_signature(contract: Contract, domain: Domain, person: Person) -> None:
    for signature in contract.signatures.all():
        if signature.domain_id == domain.pk:
            detail = _("Somebody signed for %(domain)s before.") % {"domain": domain}
            raise Refusal("already_signed", detail)
        if signature.person_id == person.pk:
            detail = _("You signed for the other side; somebody else must sign for this one.")
            raise Forbidden("signed_other_side", detail)


def _bind(contract: Contract, source: ContractState, **changes: Any) -> None:
    try:
        with recording():
            if not _move(contract, ContractState.ACTIVE, only=Q(state=source), **changes):
                raise _not_open(contract)
    except IntegrityError:
        detail = _("Another contract called %(name)s binds; revoke that one first.")
        raise Refusal("contract_name_taken", detail % {"name": contract.name}) from None


def _move(contract: Contract, to: ContractState, *, only: Q = _ANY, **changes: Any) -> bool:
    sources = [state for state, onward in CONTRACT_TRANSITIONS.items() if to in onward]
    found = Contract.objects.filter(only, pk=contract.pk, state__in=sources)
    return bool(found.update(state=to, **changes))


def _not_open(contract: Contract) -> Refusal:
    now = _fresh(contract)
    words = {"name": now.name, "state": str(now.get_state_display()).lower()}
    if now.state == ContractState.DRAFT and now.expires_at <= database_now():
        words["state"] = str(ContractState.EXPIRED.label).lower()
    detail = _("Nothing was changed: contract %(name)s is %(state)s.") % words
    return Refusal("contract_closed", detail)


def _fresh(contract: Contract) -> Contract:
    sides = Contract.objects.select_related("caller", "callee", "suspended_by")
    return sides.get(pk=contract.pk)


def _tell(contract: Contract, type: str, actor: Actor, **payload: Any) -> None:
    """Write it into the histories of both sides, because both hold the contract."""
    for domain_id in sorted({contract.caller_id, contract.callee_id}):
        record(
            stream=StreamKey("domain", str(domain_id)),
            type=type,
            actor=actor,
            domain_id=domain_id,
            object=ObjectRef("contract", str(contract.pk)),
            payload={"name": contract.name, "digest": contract.digest, **payload},
        )
