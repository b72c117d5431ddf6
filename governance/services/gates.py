"""The states of gates. Whatever ends one ends it once: every move is one conditional UPDATE."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from audit import doorbell
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef
from governance.models import (
    GATE_TRANSITIONS,
    Decision,
    Exhibit,
    Gate,
    GateState,
    Person,
    Seat,
    Verdict,
)
from governance.selectors.clock import database_now
from governance.selectors.eligibility import circle_of, demands_of
from governance.services import issuing, notices
from governance.signals import gate_decided
from governance.streams import stream_of

STEWARD = Actor.system("steward")


def open_gate(
    *, verdict: Verdict, exhibits: Iterable[Exhibit], delta_of: Gate | None = None
) -> Gate:
    """Let the verdict's action wait for people, and tell those who may decide.

    Joins the caller's recording(). That enough people can agree was checked for the verdict.
    """
    action, asked = verdict.action, verdict.obligations
    gate = Gate.objects.create(
        domain_id=action.domain_id,
        action=action,
        verdict=verdict,
        sentence=action.sentence,
        risk=action.tool.risk,
        delta_of=delta_of,
        comment_required=asked["comment"],
        valid_for_seconds=asked["valid_for_seconds"],
        expires_at=database_now() + timedelta(seconds=asked["decide_within_seconds"]),
    )
    gate.exhibits.add(*exhibits)
    seats = _seats(gate)
    _record(gate, "gate.opened", Actor.agent(action.agent_id), sentence=gate.sentence)
    notices.notify_reviewers(gate=gate, people=_people(gate, seats))
    doorbell.ring_list("gates", gate.domain_id)
    return gate


def decide(
    *, gate: Gate, outcome: GateState, proof: Sequence[str], actor: Actor, by: str
) -> Decision | None:
    """Give a pending gate that has not expired its final outcome; joins the recording().

    Returns None, and changes nothing, when it no longer waits. An approval issues the warrant.
    """
    in_time = Q(expires_at__gt=Now())
    decision = _close(gate, outcome, in_time, proof=proof, actor=actor, by=by)
    if decision and outcome == GateState.APPROVED:
        issuing.issue(action=gate.action, verdict=gate.verdict, gate=gate)
    return decision


def cancel(*, gate_id: uuid.UUID | str, actor: Actor, reason: str) -> bool:
    """Take back a gate that still waits, because what asked for it has ended."""
    with recording():
        gate = _load(gate_id)
        return _close(gate, GateState.CANCELLED, Q(), actor=actor, reason=reason) is not None


def expire_due(*, limit: int = 100) -> int:
    """Say of every pending gate whose time is over that it expired; returns how many.

    Only a label: a gate whose time is over cannot be approved whether or not this ran.
    """
    overdue = Gate.objects.filter(state=GateState.PENDING, expires_at__lte=Now())
    due = list(overdue.order_by("expires_at").values_list("pk", flat=True)[:limit])
    return sum(_expire(gate_id) for gate_id in due)


def void(*, gate: Gate, actor: Actor, reason: str) -> None:
    """End an approval that no longer holds. Joins the caller's recording()."""
    if not _move(gate, GateState.VOID, Q()):
        raise RuntimeError(f"gate {gate.pk} moved while its warrant was held")
    _record(gate, "gate.voided", actor, reason=reason)
    doorbell.ring_list("gates", gate.domain_id)


def _expire(gate_id: uuid.UUID) -> bool:
    with recording():
        gate = _load(gate_id)
        return _close(gate, GateState.EXPIRED, Q(expires_at__lte=Now()), actor=STEWARD) is not None


def _close(
    gate: Gate,
    outcome: GateState,
    condition: Q,
    *,
    actor: Actor,
    proof: Sequence[str] = (),
    by: str = "",
    reason: str = "",
) -> Decision | None:
    if not _move(gate, outcome, condition, decided_at=Now()):
        return None
    digest = gate.action.digest
    decision = Decision.objects.create(
        gate=gate, outcome=outcome, action_digest=digest, quorum_proof=list(proof)
    )
    decider = "human" if proof else "rule"
    words = {
        "decider": decider,
        "outcome": outcome.value,
        "label": outcome.label,
        "by": by,
        "reason": reason,
    }
    _record(gate, "gate.decided", actor, **words, proof=list(proof), action_digest=digest)
    _tell_after_commit(gate, outcome)
    doorbell.ring_list("gates", gate.domain_id)
    return decision


def _move(gate: Gate, to: GateState, condition: Q, **changes: Now) -> bool:
    sources = [state for state, onward in GATE_TRANSITIONS.items() if to in onward]
    found = Gate.objects.filter(condition, pk=gate.pk, state__in=sources)
    if found.update(state=to, **changes) != 1:
        return False
    gate.state = to
    return True


def _tell_after_commit(gate: Gate, outcome: GateState) -> None:
    news = {
        "gate_id": str(gate.pk),
        "action_id": str(gate.action_id),
        "outcome": outcome.value,
    }
    transaction.on_commit(lambda: gate_decided.send_robust(Gate, **news))


def _load(gate_id: uuid.UUID | str) -> Gate:
    return Gate.objects.select_related("action").get(pk=gate_id)


def _seats(gate: Gate) -> list[Seat]:
    asked = gate.verdict.obligations
    return Seat.objects.bulk_create(
        Seat(
            gate=gate,
            group=seat["group"],
            min_count=seat["quorum"],
            distinct_from=asked["distinct_from"],
            min_assurance=asked["assurance"],
        )
        for seat in asked["seats"]
    )


def _people(gate: Gate, seats: Sequence[Seat]) -> list[Person]:
    circle = circle_of(gate.action, [seat.group for seat in seats])
    found = {p.pk: p for demand in demands_of(seats) for p in circle.candidates(demand)}
    return list(found.values())


def _record(gate: Gate, type: str, actor: Actor, **payload: object) -> None:
    record(
        stream=stream_of(gate.action),
        type=type,
        actor=actor,
        domain_id=gate.domain_id,
        object=ObjectRef("gate", str(gate.pk)),
        payload={**payload, "step": gate.action.step_path},
    )
