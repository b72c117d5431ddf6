"""Warrants: the only thing that opens an execution, once, and only for what was approved.

`inspect` looks at the world outside of any transaction; `claim` compares what it saw with what
was approved and either starts the effect, or voids the approval and asks again about what is
different, or refuses. Whatever it does is one transaction.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit import statements
from audit.canonical import digest
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef
from governance.models import (
    WARRANT_TRANSITIONS,
    Agent,
    Effect,
    Exhibit,
    Gate,
    GateState,
    Lifecycle,
    Warrant,
    WarrantState,
)
from governance.policy.evaluate import PolicyVerdict
from governance.refusals import Forbidden, Refusal
from governance.selectors import scopes
from governance.selectors.ballots import recounted
from governance.selectors.clock import database_now
from governance.services import actions, effects, gates, verdicts
from governance.services.actions import Prepared, Proposed
from governance.services.verdicts import Judgement
from governance.streams import stream_of

GOVERNANCE = Actor.system("governance")
STEWARD = Actor.system("steward")
_AGENT = ("action__agent__owner", "action__agent__sponsor")
_AROUND = ("verdict", "gate", *_AGENT)
# Losing a fact for a moment is no reason to throw an approval away; these are.
_FINAL_PROBLEMS = frozenset(
    {"agent_not_active", "unknown_tool", "invalid_arguments", "tool_changed"}
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is true now for a warrant's action, or the problem that kept it from being known."""

    warrant_id: uuid.UUID
    prepared: Prepared | None = None
    problem: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """The warrant is used and the effect is in flight; now it may be attempted."""

    effect: Effect


@dataclass(frozen=True, slots=True)
class Drifted:
    """The approval no longer fits and is void; `proposed` asks anew, `changed` names why."""

    proposed: Proposed
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was started. With `fact_unavailable` the warrant still stands."""

    code: str
    detail: str


Outcome = Claimed | Drifted | Refused


def inspect(*, warrant_id: uuid.UUID | str) -> Inspection:
    """Look at the facts now. Does I/O, so never in a transaction; it never raises a Refusal."""
    warrant = Warrant.objects.select_related("action__on_behalf_of", *_AGENT).get(pk=warrant_id)
    try:
        again = actions.prepare_again(action=warrant.action, delta=warrant.gate_id is not None)
        if warrant.gate_id is None and not again.drafts and not _still_allowed(warrant, again):
            again = actions.with_preview(again)
    except Refusal as problem:
        return Inspection(warrant.pk, problem=problem)
    return Inspection(warrant.pk, prepared=again)


def claim(
    *, warrant_id: uuid.UUID | str, inspection: Inspection, worker: str, fence: int
) -> Outcome:
    """Use the warrant if everything it stands on still holds; joins the caller's recording().

    It must be unused and in time by the database's clock, its agent active, its reviewers still
    entitled, its action unchanged under fresh facts, and each gate policy that asks now must be
    one that was approved, with the same content (governance.md 3.7).
    """
    with recording():
        warrant = _hold(warrant_id)
        problem = _not_claimable(warrant, inspection)
        if problem:
            return problem
        if inspection.prepared is None:
            return _without_facts(warrant, inspection)
        judged = _judged(warrant, inspection.prepared)
        changed = _changes(warrant, inspection.prepared, judged.verdict)
        if changed:
            return _drift(warrant, inspection.prepared, changed)
        return _take(warrant, inspection.prepared, judged, worker, fence)


def spent(*, warrant_id: uuid.UUID | str) -> str:
    """Say why a used warrant starts nothing any more, or return an empty string.

    For an effect whose worker was lost, perhaps before it did anything: beginning it now would
    be a late use of the warrant, so its time and the kill switch count once more.
    """
    warrants = Warrant.objects.select_related("action__agent")
    agent = warrants.get(pk=warrant_id).action.agent
    if agent.lifecycle != Lifecycle.ACTIVE:
        return actions.not_active(agent).detail
    if not warrants.filter(pk=warrant_id, expires_at__gt=Now()).exists():
        return _("The time to use this approval is over.")
    return ""


def expire_due(*, limit: int = 100) -> int:
    """Say of every unused warrant whose time is over that it expired; returns how many.

    Only a label: such a warrant cannot be claimed whether or not this ran.
    """
    overdue = Warrant.objects.filter(state=WarrantState.ISSUED, expires_at__lte=Now())
    due = list(overdue.order_by("expires_at").values_list("pk", flat=True)[:limit])
    return sum(_expired(warrant_id) for warrant_id in due)


def _expired(warrant_id: uuid.UUID) -> bool:
    with recording():
        return _expire(_hold(warrant_id), STEWARD)


def _hold(warrant_id: uuid.UUID | str) -> Warrant:
    """Lock gate, then warrant, in the order everybody does (DESIGN law 1)."""
    list(Gate.objects.select_for_update().filter(warrant__pk=warrant_id).values_list("pk"))
    held = Warrant.objects.select_for_update(of=("self",)).select_related(*_AROUND)
    return held.get(pk=warrant_id)


def _not_claimable(warrant: Warrant, inspection: Inspection) -> Refused | None:
    if inspection.warrant_id != warrant.pk:
        raise ValueError("the inspection is of another warrant")
    if warrant.state != WarrantState.ISSUED:
        detail = _("This warrant is %(state)s; a warrant opens one execution, once.")
        state = warrant.get_state_display().lower()
        return Refused(f"warrant_{warrant.state}", detail % {"state": state})
    if warrant.action.agent.lifecycle != Lifecycle.ACTIVE:
        _void(warrant, "agent_not_active")
        return Refused("agent_not_active", actions.not_active(warrant.action.agent).detail)
    if warrant.expires_at <= database_now() and _expire(warrant, GOVERNANCE):
        return Refused("warrant_expired", _("The time to use this approval is over."))
    if not warrant.action_digest == warrant.action.digest == digest(warrant.action.envelope):
        _void(warrant, "digest_mismatch")
        detail = _("What is written down is not what was approved; the warrant is void.")
        return Refused("digest_mismatch", detail)
    if statements.found(Effect, {"effect_key": warrant.action.effect_key}):
        _void(warrant, "effect_exists")
        return Refused("effect_exists", _("This very effect was started before."))
    return None


def _without_facts(warrant: Warrant, inspection: Inspection) -> Refused:
    problem = inspection.problem
    if problem is None:
        raise ValueError("an inspection without facts says why")
    if problem.code in _FINAL_PROBLEMS:
        _void(warrant, problem.code)
    return Refused(problem.code, problem.detail)


def _changes(warrant: Warrant, now: Prepared, verdict: PolicyVerdict) -> tuple[str, ...]:
    """Name everything that differs from what was approved, in the order a person would ask."""
    return (
        *_envelope_changes(warrant.action.envelope, now.envelope()),
        *_reviewer_changes(warrant),
        *_policy_changes(warrant, verdict),
    )


def _envelope_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    changed = [name for name in now if name != "pins" and before.get(name) != now[name]]
    names = sorted({*before["pins"], *now["pins"]})
    pins = [name for name in names if before["pins"].get(name) != now["pins"].get(name)]
    return changed + [f"pins.{name}" for name in pins]


def _reviewer_changes(warrant: Warrant) -> list[str]:
    """Count the reviews again: one who lost their place since no longer carries the approval."""
    if warrant.gate is None:
        return []
    if warrant.gate.state != GateState.APPROVED:
        return ["gate"]
    counted = recounted(warrant.gate, warrant.action)
    return [] if counted.outcome == "approved" else ["reviewers"]


def _still_allowed(warrant: Warrant, now: Prepared) -> bool:
    return _judged(warrant, now).verdict.outcome == "allow"


def _judged(warrant: Warrant, now: Prepared) -> Judgement:
    action = warrant.action
    return verdicts.judge(action, now.adapter.cedar_action, now.facts, action.agent)


def _policy_changes(warrant: Warrant, verdict: PolicyVerdict) -> list[str]:
    if verdict.outcome == "allow":
        return []
    approved = _approved_policies(warrant)
    asked = {(policy.meta.id, policy.content_hash) for policy in verdict.policies}
    covered = verdict.outcome == "require_approval" and asked <= approved
    return [] if covered else [f"policy.{name}" for name in _names(asked - approved)]


def _approved_policies(warrant: Warrant) -> set[tuple[str, str]]:
    if warrant.gate_id is None:
        return set()
    return {(policy["id"], policy["content_hash"]) for policy in warrant.verdict.policies}


def _names(policies: set[tuple[str, str]]) -> list[str]:
    return sorted(name for name, _content in policies) or ["verdict"]


def _drift(warrant: Warrant, now: Prepared, changed: Sequence[str]) -> Drifted | Refused:
    """Void what was approved and ask about what is different, in this one transaction."""
    gate = warrant.gate
    _void(warrant, ", ".join(changed))
    try:
        proposed = actions.propose(
            prepared=now,
            exhibits=_carried(gate, now) if gate else (),
            rationale=warrant.action.rationale,
            delta_of=gate,
        )
    except Forbidden as problem:  # the agent was suspended at this very moment
        return Refused(problem.code, problem.detail)
    return Drifted(proposed, tuple(changed))


def _carried(gate: Gate, now: Prepared) -> list[Exhibit]:
    """Return what agents attached, and what was computed as long as no pin moved."""
    moved = gate.action.envelope["pins"] != now.facts.pins
    kept = gate.exhibits.filter(trust="agent") if moved else gate.exhibits.all()
    return list(kept.order_by("created_at", "pk"))


def _take(warrant: Warrant, now: Prepared, judged: Judgement, worker: str, fence: int) -> Outcome:
    """Use the warrant. State, time, kill switch and grants are conditions of this one UPDATE."""
    agent = Agent.objects.filter(pk=warrant.action.agent_id, lifecycle=Lifecycle.ACTIVE)
    held = scopes.still_held(warrant.action.agent_id, judged.scopes)
    usable = Q(Exists(agent), expires_at__gt=Now()) & held
    changes = {"claimed_at": Now(), "claimed_by": worker, "fence": fence}
    if not _move(warrant, WarrantState.CLAIMED, usable, **changes):
        return Refused("warrant_not_usable", _("The warrant was used or ended meanwhile."))
    _record(warrant, "warrant.claimed", GOVERNANCE, worker=worker, fence=fence)
    effect_class = now.adapter.effect_class
    return Claimed(effects.start(warrant=warrant, effect_class=effect_class, fence=fence))


def _expire(warrant: Warrant, actor: Actor) -> bool:
    """End a warrant whose time is over, and the approval behind it."""
    if not _move(warrant, WarrantState.EXPIRED, Q(expires_at__lte=Now())):
        return False
    _record(warrant, "warrant.expired", actor)
    if warrant.gate:
        gates.void(gate=warrant.gate, actor=actor, reason=_("It was not used in time."))
    return True


def _void(warrant: Warrant, reason: str) -> None:
    if not _move(warrant, WarrantState.VOID, Q(), reason=reason[:200]):
        raise RuntimeError(f"warrant {warrant.pk} moved while it was held")
    _record(warrant, "warrant.voided", GOVERNANCE, reason=reason)
    if warrant.gate:
        gates.void(gate=warrant.gate, actor=GOVERNANCE, reason=reason)


def _move(warrant: Warrant, to: WarrantState, condition: Q, **changes: Any) -> bool:
    sources = [state for state, onward in WARRANT_TRANSITIONS.items() if to in onward]
    found = Warrant.objects.filter(condition, pk=warrant.pk, state__in=sources)
    if found.update(state=to, **changes) != 1:
        return False
    warrant.state = to
    return True


def _record(warrant: Warrant, type: str, actor: Actor, **payload: Any) -> None:
    record(
        stream=stream_of(warrant.action),
        type=type,
        actor=actor,
        domain_id=warrant.action.domain_id,
        object=ObjectRef("warrant", str(warrant.pk)),
        payload={"step": warrant.action.step_path, **payload},
    )
