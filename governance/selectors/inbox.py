"""The lists of gates: what waits, what was decided. A fixed number of queries per page."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.db.models import DateTimeField, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Now
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from governance.models import Environment, Gate, GateState, Person, Review, Risk, Seat
from governance.refusals import Invalid
from governance.selectors import ballots
from governance.selectors.clock import database_now
from governance.selectors.eligibility import Circle, circles_among, demands_of
from governance.selectors.gate_view import GateRow, InboxPage
from governance.selectors.people import find_domain, permissions_for, team_slugs_of

MOST_ROWS = 100
MOST_COUNTED = 100
_AROUND = ("action__tool", "action__agent__owner", "action__on_behalf_of")


def inbox_for(
    person: Person, *, state: str = "pending", before: str | None = None, limit: int = 50
) -> InboxPage:
    """Return a page of the person's domain.

    `pending` gates can still be decided and come newest first, `decided` ones latest first.
    `before` is the `next` of the page before.
    """
    gates = _visible_to(person)
    if state == "pending":
        ordered = _after(gates.filter(_WAITS), "opened_at", before)
    elif state == "decided":
        ordered = _after(gates.filter(decided_at__isnull=False), "decided_at", before)
    else:
        raise Invalid("unknown_state", _("Ask for pending or decided gates."))
    size = max(1, min(limit, MOST_ROWS))
    found = list(ordered.select_related(*_AROUND)[: size + 1])
    moment = "opened_at" if state == "pending" else "decided_at"
    more = _cursor(found[size - 1], moment) if len(found) > size else ""
    return InboxPage(_rows(person, found[:size]), more)


def rows_for(person: Person, gate_ids: Iterable[str]) -> tuple[GateRow, ...]:
    """Return the rows of these gates as they are now, newest first; unknown ones are left out."""
    found = _visible_to(person).filter(pk__in=list(gate_ids)[:MOST_ROWS])
    ordered = found.select_related(*_AROUND).order_by("-opened_at", "pk")
    now = database_now()
    return tuple(_overdue(row, now) for row in _rows(person, list(ordered)))


def waiting_count_for(person: Person) -> int:
    """Return how many gates the person may decide and has not reviewed yet, at most 100."""
    domain = find_domain(person)
    if domain is None or not (person.is_active and person.may_sign_in):
        return 0
    mine = Q(group__in=team_slugs_of(person, domain))
    mine |= Q(group="owner", gate__action__agent__owner=person)
    mine |= Q(group="sponsor", gate__action__agent__sponsor=person)
    parties = {
        "initiator": "gate__action__on_behalf_of",
        "owner": "gate__action__agent__owner",
        "sponsor": "gate__action__agent__sponsor",
    }
    seats = (
        Seat.objects.filter(
            mine,
            gate__domain=domain,
            gate__state=GateState.PENDING,
            gate__expires_at__gt=Now(),
        )
        .exclude(gate__reviews__person=person)
        .values("gate", "distinct_from", *parties.values())[: MOST_COUNTED * 2]
    )
    open_to_me = {seat["gate"] for seat in seats if not _barred(person, seat, parties)}
    return min(len(open_to_me), MOST_COUNTED)


@dataclass(frozen=True, slots=True)
class _Table:
    """The seats of one gate, what was said at them, and the people it matters for."""

    seats: Sequence[Seat]
    reviews: Sequence[Review]
    circle: Circle

    def has_place_for(self, person: Person) -> bool:
        """Whether the person may fill a seat and has not said anything yet."""
        spoken = any(review.person_id == person.pk for review in self.reviews)
        return not spoken and bool(self.circle.groups_of(person.pk, demands_of(self.seats)))


_WAITS = Q(state=GateState.PENDING, expires_at__gt=Now())


def _barred(person: Person, seat: dict[str, Any], parties: dict[str, str]) -> bool:
    return any(seat[parties[party]] == person.pk for party in seat["distinct_from"])


def _visible_to(person: Person) -> QuerySet[Gate]:
    domain = find_domain(person)
    if domain is None or not permissions_for(person, domain):
        return Gate.objects.none()
    return Gate.objects.filter(domain=domain)


def _after(gates: QuerySet[Gate], moment: str, before: str | None) -> QuerySet[Gate]:
    ordered = gates.order_by(f"-{moment}", "pk")
    if not before:
        return ordered
    told, gate_id = _parsed(before)
    # SQLite compares moments as text, and its own clock writes fewer digits than Python does.
    stored = Gate.objects.filter(pk=gate_id).values(moment)[:1]
    at = Coalesce(Subquery(stored), Value(told), output_field=DateTimeField())
    earlier = Q(**{f"{moment}__lte": at}) & ~Q(**{moment: at, "pk__lte": gate_id})
    return ordered.filter(earlier)


def _cursor(gate: Gate, moment: str) -> str:
    at: datetime = getattr(gate, moment)
    return f"{at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}~{gate.pk}"


def _parsed(cursor: str) -> tuple[datetime, uuid.UUID]:
    moment, _separator, gate_id = cursor.partition("~")
    try:
        at = parse_datetime(moment)
        if at is None or at.tzinfo is None:
            raise ValueError(moment)
        return at, uuid.UUID(gate_id)
    except ValueError:
        detail = _("This page address is not one of ours; start from the first page.")
        raise Invalid("invalid_cursor", detail) from None


def _rows(person: Person, gates: Sequence[Gate]) -> tuple[GateRow, ...]:
    ids = [gate.pk for gate in gates]
    seats: dict[uuid.UUID, list[Seat]] = {gate_id: [] for gate_id in ids}
    reviews: dict[uuid.UUID, list[Review]] = {gate_id: [] for gate_id in ids}
    for seat in Seat.objects.filter(gate__in=ids).order_by("group"):
        seats[seat.gate_id].append(seat)
    for review in (
        Review.objects.filter(gate__in=ids)
        .select_related("person")
        .defer("presentation", "statement")
    ):
        reviews[review.gate_id].append(review)
    people = {person.pk: person}
    people |= {r.person_id: r.person for given in reviews.values() for r in given}
    groups = {seat.group for rows in seats.values() for seat in rows}
    circles = circles_among(list(people.values()), [gate.action for gate in gates], groups)
    return tuple(
        _row(person, gate, _Table(seats[gate.pk], reviews[gate.pk], circle))
        for gate, circle in zip(gates, circles, strict=True)
    )


def _overdue(row: GateRow, now: datetime) -> GateRow:
    if row.state != GateState.PENDING or row.expires_at > now:
        return row
    label = str(GateState.EXPIRED.label)
    return replace(row, state=GateState.EXPIRED.value, state_label=label, mine=False)


def _row(person: Person, gate: Gate, table: _Table) -> GateRow:
    action, agent = gate.action, gate.action.agent
    filled = ballots.count(table.seats, table.reviews, table.circle).filled
    return GateRow(
        id=str(gate.pk),
        state=gate.state,
        state_label=gate.get_state_display(),
        sentence=gate.sentence,
        risk=gate.risk,
        risk_label=str(Risk(gate.risk).label),
        environment=str(Environment(action.envelope["environment"]).label),
        tool_name=action.tool.name,
        agent_id=str(agent.pk),
        agent_name=agent.name,
        owner_name=str(agent.owner),
        initiator_name=str(action.on_behalf_of or ""),
        run_id=str(action.run_id or ""),
        filled=sum(len(sitting) for sitting in filled.values()),
        needed=sum(seat.min_count for seat in table.seats),
        mine=gate.state == GateState.PENDING and table.has_place_for(person),
        is_delta=gate.delta_of_id is not None,
        opened_at=gate.opened_at,
        expires_at=gate.expires_at,
        decided_at=gate.decided_at,
    )
