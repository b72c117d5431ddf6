"""Whether a contract binds, asked anew each time: at claim, at every effect and at commit.

What a row says is not believed: the body is digested again, both signatures are verified, and
the end is compared with the database's clock.
"""

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Sum
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit.canonical import digest
from governance.contract_terms import covers, moment
from governance.models import (
    Agent,
    Contract,
    ContractState,
    Domain,
    DomainKey,
    Receipt,
)
from governance.refusals import Refusal
from governance.selectors import scopes
from governance.signing import is_signed

CODE = "contract"
_BINDS_NOBODY = {ContractState.DRAFT, ContractState.SUSPENDED, ContractState.REVOKED}
SIGNATURE_KIND = "countersign.contract-signature/v1"


def named(caller_id: uuid.UUID, reference: str) -> Contract | None:
    """Return the caller's contract with this id or name; of one name, the one that binds."""
    found = Contract.objects.filter(caller=caller_id).select_related("caller", "callee")
    try:
        return found.filter(pk=uuid.UUID(reference)).first()
    except ValueError:
        of_name = list(found.filter(name=reference).order_by("-created_at"))
    active = [contract for contract in of_name if contract.state == ContractState.ACTIVE]
    return next(iter(active or of_name), None)


def require(contract: Contract | None, *, callee_id: uuid.UUID) -> Contract:
    """Return the contract if it binds now and is with this callee; raises Refusal `contract`."""
    if contract is None or contract.callee_id != callee_id:
        raise _no(_("No contract with that domain covers this."))
    now = Contract.objects.filter(pk=contract.pk).select_related("caller", "callee")
    current = now.get()
    if current.state in _BINDS_NOBODY:
        words = {"name": current.name, "state": str(current.get_state_display()).lower()}
        raise _no(_("Contract %(name)s does not bind: it is %(state)s.") % words)
    if not now.filter(state=ContractState.ACTIVE, expires_at__gt=Now()).exists():
        raise _no(_("Contract %(name)s has expired.") % {"name": current.name})
    if not is_whole(current):
        raise _no(_("The signatures of contract %(name)s do not hold.") % {"name": current.name})
    return current


def require_agent(contract: Contract, agent: Agent) -> None:
    """Raise Refusal unless the contract names the agent and covers everything granted to it."""
    if f"{agent.slug}@{agent.version}" not in contract.body["agents"]:
        words = {"name": contract.name, "agent": f"{agent.slug}@{agent.version}"}
        raise _no(_("Contract %(name)s does not cover agent %(agent)s.") % words)
    if any(not covers(contract.body["scopes"], scope) for scope in scopes.held_by(agent.pk)):
        words = {"name": contract.name, "agent": f"{agent.slug}@{agent.version}"}
        raise _no(_("Agent %(agent)s may do more than contract %(name)s covers.") % words)


def require_action(contract: Contract, tool_slug: str) -> None:
    """Raise Refusal unless the contract names the action."""
    if tool_slug not in contract.body["actions"]:
        words = {"name": contract.name, "action": tool_slug}
        raise _no(_("Contract %(name)s does not cover the action %(action)s.") % words)


def require_budget(contract: Contract, *, holder: Domain) -> None:
    """Raise Refusal once the receipts that one side holds have used the cap up."""
    if spent_under(contract, holder=holder) >= contract.body["budget_cap_micro_usd"]:
        raise _no(_("The budget of contract %(name)s is used up.") % {"name": contract.name})


def require_data(contract: Contract, classes: Collection[str]) -> None:
    """Raise Refusal unless every class of data that is to be handed over is named."""
    missing = sorted(set(classes) - set(contract.body["data_classes"]))
    if missing:
        words = {"name": contract.name, "classes": ", ".join(missing)}
        raise _no(_("Contract %(name)s does not cover data that is %(classes)s.") % words)


def spent_under(contract: Contract, *, holder: Domain) -> int:
    """Return what the receipts that one side holds add up to, in micro-USD."""
    receipts = Receipt.objects.filter(contract=contract, holder=holder)
    return int(receipts.aggregate(spent=Sum("spent_micro_usd"))["spent"] or 0)


def is_whole(contract: Contract) -> bool:
    """Whether both sides signed exactly this body, each with the key that is its own."""
    body = contract.body
    sides = {"from": contract.caller_id, "to": contract.callee_id}
    same = (
        digest(body) == contract.digest
        and body["name"] == contract.name
        and body["expires_at"] == moment(contract.expires_at)
        and all(body[side]["domain"] == str(pk) for side, pk in sides.items())
    )
    return same and all(_is_signed(contract, body[side], pk) for side, pk in sides.items())


def _is_signed(contract: Contract, side: Mapping[str, Any], domain_id: uuid.UUID) -> bool:
    keys = DomainKey.objects.filter(domain=domain_id).values_list("public", flat=True)
    signature = contract.signatures.filter(domain=domain_id).first()
    if signature is None or list(keys) != [side["key"]]:
        return False
    said = signature.statement
    is_about = (
        said.get("kind"),
        said.get("contract"),
        said.get("domain"),
        said.get("person"),
    ) == (
        SIGNATURE_KIND,
        contract.digest,
        str(domain_id),
        str(signature.person_id),
    )
    return is_about and is_signed(side["key"], said, signature.signature)


def _no(detail: str) -> Refusal:
    return Refusal(CODE, detail)
