"""Receipts: the domain that did the work signs what came of it, the other one verifies that."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from audit.canonical import digest
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.contract_terms import MOST_MICRO_USD, moment
from governance.models import (
    Contract,
    Decision,
    Domain,
    Effect,
    EffectState,
    Receipt,
    Reversibility,
)
from governance.refusals import Refusal
from governance.selectors.clock import database_now
from governance.services import domain_keys
from governance.signing import is_signed

KIND = "countersign.receipt/v1"
MOST_EFFECTS = 1000
_LONGEST: Mapping[str, int] = {"id": 40, "tool": 64}
_STANDING = (EffectState.SUCCEEDED, EffectState.RECONCILED, EffectState.UNKNOWN)
OUTCOMES = frozenset({"succeeded", "failed", "rejected", "cancelled", "timed_out"})
FEDERATION = Actor.system("federation")


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose work it was: the message and the caller's run and step that it was done for."""

    message: str
    run: str
    step: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it in the callee's run; `code` names a failure and says nothing of people."""

    run_id: uuid.UUID
    outcome: str
    code: str
    output: Mapping[str, Any]
    spent_micro_usd: int


def issue(*, contract: Contract, origin: Origin, result: Result) -> Receipt:
    """Sign what came of an errand, for the callee; a second call returns the first receipt.

    Joins the caller's recording() or opens its own. A contract that ended meanwhile does not
    take away that the work was done.
    """
    known = _held(origin.message, contract.callee)
    if known:
        return known
    if result.outcome not in OUTCOMES:
        raise ValueError(f"{result.outcome} is no outcome of an errand")
    body = _body(contract, origin, result)
    return _kept(contract, contract.callee, body, domain_keys.sign(contract.callee, body))


def accept(
    *,
    contract: Contract,
    origin: Origin,
    output: Mapping[str, Any],
    body: Mapping[str, Any],
    signature: str,
) -> Receipt:
    """Verify a receipt for the caller and keep a copy; raises Refusal `receipt` if it is not true.

    It must be signed with the key the contract names, and be about this contract, this message,
    this step and exactly this output. The same receipt again changes nothing.
    """
    if not is_signed(contract.body["to"]["key"], body, signature):
        raise _untrue(_("The receipt is not signed by %(domain)s."), contract)
    expected = {
        "kind": KIND,
        "contract": contract.digest,
        "message": origin.message,
        "caller": {"domain": str(contract.caller_id), "run": origin.run, "step": origin.step},
        "output_digest": digest(dict(output)),
    }
    if any(body.get(name) != value for name, value in expected.items()):
        raise _untrue(_("The receipt of %(domain)s is about something else."), contract)
    if not _is_complete(body):
        raise _untrue(_("The receipt of %(domain)s is not complete."), contract)
    known = _held(origin.message, contract.caller)
    if known is None:
        return _kept(contract, contract.caller, body, signature)
    if known.digest != digest(dict(body)):
        raise _untrue(_("Another receipt of %(domain)s was accepted before."), contract)
    return known


def _is_complete(body: Mapping[str, Any]) -> bool:
    spent, decisions = body.get("spent_micro_usd"), body.get("decisions")
    is_amount = type(spent) is int and 0 <= spent <= MOST_MICRO_USD
    has_said = body.get("outcome") in OUTCOMES and isinstance(body.get("code"), str)
    effects = body.get("effects")
    has_effects = isinstance(effects, list) and len(effects) <= MOST_EFFECTS
    is_named = has_effects and all(map(_is_named, effects or ()))
    return has_said and is_amount and isinstance(decisions, list) and is_named


def _is_named(effect: object) -> bool:
    """Whether an effect is named as `_standing` names it: another domain may write anything."""
    if not isinstance(effect, dict) or effect.keys() != _LONGEST.keys():
        return False
    return all(
        isinstance(text := effect[name], str) and text.isprintable() and len(text) <= most
        for name, most in _LONGEST.items()
    )


def _held(message: str, holder: Domain) -> Receipt | None:
    return Receipt.objects.filter(message=message, holder=holder).first()


def _body(contract: Contract, origin: Origin, result: Result) -> dict[str, Any]:
    return {
        "kind": KIND,
        "contract": contract.digest,
        "message": origin.message,
        "caller": {"domain": str(contract.caller_id), "run": origin.run, "step": origin.step},
        "callee": {"domain": str(contract.callee_id), "run": str(result.run_id)},
        "outcome": result.outcome,
        "code": result.code,
        "output_digest": digest(dict(result.output)),
        "spent_micro_usd": result.spent_micro_usd,
        "decisions": _decisions(result.run_id),
        "effects": _standing(result.run_id),
        "issued_at": moment(database_now()),
    }


def _standing(run_id: uuid.UUID) -> list[dict[str, str]]:
    """Return what the run left behind that somebody might have to undo.

    Named are the tool, and the id by which the callee finds it; what exactly was done stays there.
    """
    of_run = Effect.objects.filter(run_id=run_id, state__in=_STANDING)
    left = of_run.exclude(action__tool__reversibility=Reversibility.READ_ONLY)
    found = left.order_by("-commit_seq", "pk").values_list("pk", "action__tool")[:MOST_EFFECTS]
    return [{"id": str(pk), "tool": tool} for pk, tool in found]


def _decisions(run_id: uuid.UUID) -> list[dict[str, Any]]:
    """Return what people decided in the run: by which role and when, never who they are.

    The digest covers ids of reviews, which are random, so that it can be proved later on and
    nobody can be guessed from it.
    """
    found = Decision.objects.filter(gate__action__run_id=run_id).order_by("decided_at", "id")
    return [
        {
            "id": str(decision.pk),
            "outcome": decision.outcome,
            "digest": _digest_of(decision),
            "roles": sorted(decision.gate.seats.values_list("group", flat=True)),
            "decided_at": moment(decision.decided_at),
        }
        for decision in found.select_related("gate")
    ]


def _digest_of(decision: Decision) -> str:
    return digest(
        {
            "id": str(decision.pk),
            "outcome": decision.outcome,
            "action_digest": decision.action_digest,
            "reviews": list(decision.quorum_proof),
        }
    )


def _kept(contract: Contract, holder: Domain, body: Mapping[str, Any], signature: str) -> Receipt:
    is_issuer = holder.pk == contract.callee_id
    run = str(body["callee" if is_issuer else "caller"]["run"])
    with recording():
        receipt = Receipt.objects.create(
            contract=contract,
            holder=holder,
            message=body["message"],
            spent_micro_usd=body["spent_micro_usd"],
            body=dict(body),
            digest=digest(dict(body)),
            signature=signature,
        )
        record(
            stream=StreamKey("run", run),
            type="receipt.issued" if is_issuer else "receipt.accepted",
            actor=FEDERATION,
            domain_id=holder.pk,
            object=ObjectRef("receipt", str(receipt.pk)),
            payload={
                "contract": contract.name,
                "outcome": body["outcome"],
                "digest": receipt.digest,
                "decisions": len(body["decisions"]),
            },
        )
    return receipt


def _untrue(detail: str, contract: Contract) -> Refusal:
    return Refusal("receipt", detail % {"domain": contract.callee})
