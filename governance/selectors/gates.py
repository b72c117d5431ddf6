"""Gates as people read them: the page of one, the lists of many."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from audit.models import Stream
from governance import reasons
from governance.adapters import Words, words_of
from governance.models import (
    Environment,
    Exhibit,
    GateState,
    Person,
    Reversibility,
    Review,
    Risk,
    Seat,
)
from governance.presentation import is_stale, is_truncated, stamp
from governance.refusals import Refusal
from governance.selectors.eligibility import demands_of
from governance.selectors.gate_view import (
    DecisionView,
    ExhibitView,
    GateView,
    NamedValue,
    PersonRef,
    PolicyReason,
    Requester,
    ReviewView,
    SeatView,
    in_letters,
)
from governance.selectors.inbox import inbox_for, rows_for, waiting_count_for
from governance.selectors.whole_gate import WholeGate, deciders, over, reviews_of, whole
from governance.streams import stream_of

__all__ = ["gate_for", "inbox_for", "rows_for", "waiting_count_for"]


def gate_for(person: Person, gate_id: uuid.UUID | str) -> GateView:
    """Return everything the person sees on the gate's page; nothing is written.

    Raises Refusal (404) for a gate that does not exist for this person.
    """
    found = whole(gate_id)
    if found is None or not found.may_be_seen_by(person):
        raise Refusal("not_found", _("There is no such gate."), status=404)
    return _view(person, found, reviews_of(found.gate))


def _view(person: Person, found: WholeGate, reviews: Sequence[Review]) -> GateView:
    gate, action = found.gate, found.gate.action
    tool, envelope = action.tool, action.envelope
    waits = found.state is GateState.PENDING
    exhibits = [(exhibit, _exhibit(exhibit, found)) for exhibit in found.exhibits]
    stream, words = stream_of(action), words_of(tool.slug)
    return GateView(
        id=str(gate.pk),
        epoch=gate.epoch,
        state=found.state.value,
        state_label=str(found.state.label),
        sentence=gate.sentence,
        risk=gate.risk,
        risk_label=str(Risk(gate.risk).label),
        reversibility=tool.reversibility,
        reversibility_label=str(Reversibility(tool.reversibility).label),
        environment=envelope["environment"],
        environment_label=str(Environment(envelope["environment"]).label),
        change=tuple(view for exhibit, view in exhibits if exhibit.trust == "tool"),
        arguments=_named(envelope["arguments"], words),
        pins=_named(envelope["pins"], words),
        reasons=tuple(_reason(one, gate.verdict.facts, words) for one in gate.verdict.policies),
        requester=_requester(found),
        findings=tuple(view for exhibit, view in exhibits if exhibit.trust != "tool"),
        compensation=str(action.compensation.get("sentence", "")),
        seats=_seats(found, reviews),
        standing=over(found, reviews) or found.standing(person),
        reviews=tuple(map(_review, reviews)),
        decision=_decision(found, reviews),
        delta_of=str(gate.delta_of_id or ""),
        replaced_by=_replaced_by(found),
        rationale=action.rationale,
        opened_at=gate.opened_at,
        expires_at=gate.expires_at,
        comment_required=gate.comment_required,
        complete=found.presentation.complete,
        missing=found.presentation.missing,
        action_digest=action.digest,
        presented_digest=found.presentation.digest,
        stamp=stamp(gate, person, found.presentation) if waits else "",
        domain_id=str(gate.domain_id),
        run_id=str(action.run_id or ""),
        step_path=action.step_path,
        stream=str(stream),
        stream_seq=_seq(stream.kind, stream.object_id),
    )


def _exhibit(exhibit: Exhibit, found: WholeGate) -> ExhibitView:
    return ExhibitView(
        id=str(exhibit.pk),
        name=exhibit.name,
        kind=exhibit.kind,
        trust=exhibit.trust,
        agent_name=str(exhibit.agent or ""),
        subject=exhibit.subject,
        stale=is_stale(exhibit, found.gate),
        truncated=is_truncated(exhibit),
        digest=exhibit.digest,
        content=exhibit.content,
    )


def _reason(policy: Mapping[str, Any], document: Mapping[str, Any], words: Words) -> PolicyReason:
    values = {path: _at(document, path) for path in policy["reads"]}
    return PolicyReason(
        policy_id=policy["id"],
        content_hash=policy["content_hash"],
        code=policy["reason"],
        words=reasons.words_of([policy["reason"]]),
        severity=policy["severity"],
        facts=tuple(
            _called(path.rpartition(".")[2], value, words)
            for path, value in values.items()
            if value is not None
        ),
    )


def _at(document: Mapping[str, Any], path: str) -> Any:
    """Return what `context.facts.x`, `resource.x` or `principal.x` was when policy judged."""
    root, *names = path.split(".")
    value: Any = document[root] if root == "context" else _attributes(document, root)
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _attributes(document: Mapping[str, Any], root: str) -> Mapping[str, Any]:
    found = (e["attrs"] for e in document["entities"] if e["uid"] == document.get(root))
    return next(found, {})


def _requester(found: WholeGate) -> Requester:
    action, agent = found.gate.action, found.gate.action.agent
    return Requester(
        initiator=_person(action.on_behalf_of) if action.on_behalf_of else None,
        agent_id=str(agent.pk),
        agent_name=agent.name,
        agent_purpose=agent.purpose,
        owner=_person(agent.owner),
        sponsor=_person(agent.sponsor),
        tool=action.tool.slug,
        tool_name=action.tool.name,
    )


def _seats(found: WholeGate, reviews: Sequence[Review]) -> tuple[SeatView, ...]:
    people = {str(review.pk): review.person for review in reviews}
    filled = found.tally(reviews).filled
    return tuple(
        _seat(seat, found, [people[key] for key in filled.get(seat.group, ())])
        for seat in found.seats
    )


def _seat(seat: Seat, found: WholeGate, sitting: Sequence[Person]) -> SeatView:
    (demand,) = demands_of([seat])
    fitting = found.circle.candidates(demand)
    return SeatView(
        group=seat.group,
        label=_group_label(seat.group),
        needed=seat.min_count,
        filled=len(sitting),
        filled_by=tuple(map(str, sitting)),
        may_decide=tuple(str(person) for person in fitting if person not in sitting),
        distinct_from=tuple(seat.distinct_from),
        min_assurance=seat.min_assurance,
    )


def _group_label(group: str) -> str:
    own = {"owner": _("Owner of the agent"), "sponsor": _("Sponsor of the agent")}
    return own.get(group) or group.replace("-", " ").replace("_", " ").capitalize()


def _review(review: Review) -> ReviewView:
    return ReviewView(
        id=str(review.pk),
        person=_person(review.person),
        verb=review.verb,
        verb_label=review.get_verb_display(),
        comment=review.comment,
        assurance=review.assurance,
        channel=review.channel,
        at=review.created_at,
    )


def _decision(found: WholeGate, reviews: Sequence[Review]) -> DecisionView | None:
    decision = getattr(found.gate, "decision", None)
    if decision is None:
        return None
    label = str(GateState(decision.outcome).label)
    by = deciders(found.gate, reviews)
    return DecisionView(decision.outcome, label, by, decision.decided_at)


def _replaced_by(found: WholeGate) -> str:
    delta = getattr(found.gate, "delta", None)
    return str(delta.pk) if delta else ""


def _person(person: Person) -> PersonRef:
    return PersonRef(str(person.pk), str(person))


def _named(values: Mapping[str, Any], words: Words) -> tuple[NamedValue, ...]:
    return tuple(_called(name, value, words) for name, value in values.items())


def _called(name: str, value: Any, words: Words) -> NamedValue:
    return NamedValue(name, _text(value), str(words.get(name) or in_letters(name)))


def _text(value: Any) -> str:
    match value:
        case bool():
            return _("yes") if value else _("no")
        case str():
            return value
        case []:
            return _("none")
        case [*items] if all(isinstance(item, str) for item in items):
            return ", ".join(items)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _seq(kind: str, object_id: str) -> int:
    heads = Stream.objects.filter(kind=kind, object_id=object_id)
    return heads.values_list("last_seq", flat=True).first() or 0
