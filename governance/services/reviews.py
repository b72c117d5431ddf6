"""One person's act on a gate. Whoever comes second learns who was first; nothing happens twice."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit.canonical import digest
from audit.services.coalescing import record_unless_lately
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef
from governance.foreign import foreign_digest
from governance.models import Agent, Gate, GateState, Person, Review, Verb
from governance.policy.obligations import ASSURANCE
from governance.presentation import Stamp, read_stamp, statement_of
from governance.refusals import Forbidden, Gone, Invalid, Refusal
from governance.selectors.whole_gate import WholeGate, deciders, over, reviews_of, whole
from governance.services import gates
from governance.streams import stream_of

COMMENT_BYTES = 20_000
KEY_LENGTH = 64
# Whoever is refused again for the same within this time adds nothing to the gate's history.
SAME_REFUSAL = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Act:
    """What somebody wants to say, as it arrived."""

    gate_id: uuid.UUID | str
    verb: str
    comment: str
    stamp: str
    key: str
    channel: str
    assurance: str


def give(
    *,
    gate_id: uuid.UUID | str,
    person: Person,
    verb: str,
    comment: str,
    stamp: str,
    idempotency_key: str,
    channel: str,
    assurance: str = "session",
) -> Review:
    """Take one person's review and, when it settles the matter, decide the gate.

    Only people decide, only those a seat asks, only on exactly what they were shown, and only
    while the gate waits by the database's clock. The same key returns the same review. Refusals
    are recorded, at most one a minute for a person, a gate and a code.
    """
    act = _Act(gate_id, verb, comment.strip(), stamp, idempotency_key, channel, assurance)
    try:
        return _given(act, person)
    except Refusal as refusal:
        _record_refusal(act, person, refusal)
        raise


def turn_away(*, gate_id: uuid.UUID | str, agent: Agent, channel: str) -> None:
    """Record that an agent reached for a decision of its own domain; it got nowhere near one."""
    gate = _found(gate_id)
    if gate and gate.domain_id == agent.domain_id:
        _tell(gate, _not_a_person(), Actor.agent(agent.pk), person=agent.name, channel=channel)


def _not_a_person() -> Forbidden:
    return Forbidden("agent_principal", _("Only people decide, never an agent."))


def _given(act: _Act, person: Person) -> Review:
    if not isinstance(person, Person):
        raise _not_a_person()
    _check_form(act)
    try:
        with recording():
            return _replayed(act, person) or _taken(act, person)
    except IntegrityError:
        # The same key arrived twice at one moment, and the other one was first.
        known = _replayed(act, person)
        if known is None:
            raise
        return known


def _taken(act: _Act, person: Person) -> Review:
    # This UPDATE comes first: it holds the gate against every other reviewer on both databases.
    waiting = Gate.objects.filter(
        pk=act.gate_id, state=GateState.PENDING, expires_at__gt=Now()
    ).update(review_count=F("review_count") + 1)
    found = whole(act.gate_id)
    person = Person.objects.get(pk=person.pk)
    if not person.is_active:
        raise Forbidden("inactive_person", _("Your account is not active."))
    if found is None or not found.may_be_seen_by(person):
        raise Refusal("not_found", _("There is no such gate."), status=404)
    if not waiting:
        known = _replayed(act, person)
        if known:
            return known
        raise _refused(found)
    stamp = _check(act, person, found)
    review = _written(act, person, found, stamp)
    _settle(found, person)
    return review


def _check_form(act: _Act) -> None:
    if act.verb not in Verb.values:
        raise Invalid("unknown_verb", _("Say whether you approve or reject."))
    if not (1 <= len(act.key) <= KEY_LENGTH and act.key.isascii() and act.key.isprintable()):
        detail = _("Send an idempotency key of 1 to 64 characters, so that a retry is harmless.")
        raise Invalid("idempotency_key_required", detail)
    try:
        foreign_digest(act.comment, COMMENT_BYTES)
    except ValueError as error:
        detail = _("The comment cannot be kept: %(problem)s.") % {"problem": error}
        raise Invalid("invalid_comment", detail) from error


def _replayed(act: _Act, person: Person) -> Review | None:
    known = Review.objects.filter(person=person, idempotency_key=act.key).first()
    if known and (str(known.gate_id), known.verb) != (str(act.gate_id), act.verb):
        detail = _("This idempotency key was used for another review; take a new one.")
        raise Invalid("idempotency_key_reused", detail)
    return known


def _check(act: _Act, person: Person, found: WholeGate) -> Stamp:
    standing = found.standing(person)
    if not standing.may_decide:
        raise Forbidden(standing.code, standing.sentence)
    stamp = read_stamp(act.stamp, found.gate, person, found.presentation)
    if act.verb == Verb.APPROVE:
        _check_approval(act, person, found)
    if found.gate.comment_required and not act.comment:
        raise Invalid(
            "comment_required",
            _("This gate asks for a comment; say why."),
            errors=[{"pointer": "/comment", "detail": _("Say why.")}],
        )
    return stamp


def _check_approval(act: _Act, person: Person, found: WholeGate) -> None:
    if not found.presentation.complete:
        detail = _("Not everything could be shown (%(names)s), so this can only be rejected.")
        names = ", ".join(found.presentation.missing)
        raise Forbidden("incomplete_presentation", detail % {"names": names})
    mine = found.circle.groups_of(person.pk, found.demands)
    needed = min(
        (seat.min_assurance for seat in found.seats if seat.group in mine), key=ASSURANCE.index
    )
    if ASSURANCE.index(act.assurance) < ASSURANCE.index(needed):
        detail = _("This gate asks for a stronger sign-in: %(needed)s.") % {"needed": needed}
        raise Refusal("step_up_required", detail, status=401, needed=needed)


def _refused(found: WholeGate) -> Refusal:
    gate, reviews = found.gate, reviews_of(found.gate)
    ended = over(found, reviews)
    if ended is None or ended.code == "expired":
        return _too_late()
    at = gate.decided_at.isoformat() if gate.decided_at else ""
    by = ", ".join(deciders(gate, reviews))
    return Refusal(ended.code, ended.sentence, by=by, at=at, state=gate.state)


def _too_late() -> Refusal:
    return Gone("expired", _("The time to decide this is over; nothing was done."))


def _written(act: _Act, person: Person, found: WholeGate, stamp: Stamp) -> Review:
    gate, presentation = found.gate, found.presentation
    review = Review.objects.create(
        gate=gate,
        epoch=gate.epoch,
        ordinal=gate.review_count,
        person=person,
        verb=act.verb,
        comment=act.comment,
        action_digest=gate.action.digest,
        presented_digest=presentation.digest,
        presentation=presentation.block,
        statement=statement_of(
            gate=gate, verb=act.verb, person=person, presentation=presentation, stamp=stamp
        ),
        assurance=act.assurance,
        channel=act.channel,
        idempotency_key=act.key,
    )
    record(
        stream=stream_of(gate.action),
        type="review.given",
        actor=Actor.person(person.pk),
        domain_id=gate.domain_id,
        object=ObjectRef("gate", str(gate.pk)),
        payload={
            "person": str(person),
            "verb": act.verb,
            "label": review.get_verb_display(),
            "comment": act.comment,
            "review": str(review.pk),
            "presented_digest": presentation.digest,
            "statement_digest": digest(review.statement),
            "channel": act.channel,
            "assurance": act.assurance,
            "seen_at": stamp.seen_at.isoformat(),
        },
    )
    return review


def _settle(found: WholeGate, person: Person) -> None:
    reviews = reviews_of(found.gate)
    result = found.tally(reviews)
    if result.outcome == "pending":
        return
    outcome = GateState.APPROVED if result.outcome == "approved" else GateState.REJECTED
    names = [str(review.person) for review in reviews if str(review.pk) in result.proof]
    decided = gates.decide(
        gate=found.gate,
        outcome=outcome,
        proof=result.proof,
        actor=Actor.person(person.pk),
        by=", ".join(names),
    )
    if decided is None:
        raise _too_late()


def _record_refusal(act: _Act, person: Person, refusal: Refusal) -> None:
    if gate := _found(act.gate_id):
        verb = act.verb if act.verb in Verb.values else ""
        actor = _actor(person)
        # A stranger chooses their own name: it gets into no history that is not theirs to see.
        name = str(person) if _may_see(person, gate) else actor.id
        _tell(gate, refusal, actor, person=name, verb=verb, channel=act.channel)


def _may_see(someone: object, gate: Gate) -> bool:
    found = whole(gate.pk) if isinstance(someone, Person) else None
    return bool(found and isinstance(someone, Person) and found.may_be_seen_by(someone))


def _found(gate_id: uuid.UUID | str) -> Gate | None:
    return Gate.objects.select_related("action").filter(pk=gate_id).first()


def _tell(gate: Gate, refusal: Refusal, actor: Actor, **said: str) -> None:
    with recording():
        record_unless_lately(
            stream=stream_of(gate.action),
            type="review.refused",
            actor=actor,
            domain_id=gate.domain_id,
            object=ObjectRef("gate", str(gate.pk)),
            payload={**said, "code": refusal.code, "detail": refusal.detail},
            alike=("code",),
            within=SAME_REFUSAL,
        )


def _actor(someone: object) -> Actor:
    if isinstance(someone, Person):
        return Actor.person(someone.pk)
    agent = getattr(someone, "agent", None)
    return Actor.agent(agent.pk) if agent else Actor.system("unknown")
