"""A gate with everything around it, read once: for the page, for a review and for a claim."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.utils.translation import gettext as _

from governance.models import Exhibit, Gate, GateState, Person, Review, Seat
from governance.policy.seats import Tally
from governance.presentation import Presentation, present
from governance.selectors import ballots
from governance.selectors.clock import database_now
from governance.selectors.eligibility import Circle, Demand, circle_of, demands_of, standing_of
from governance.selectors.gate_view import Standing
from governance.selectors.people import permissions_for

_AROUND = (
    "domain",
    "verdict",
    "decision",
    "delta",
    "action__tool",
    "action__on_behalf_of",
    "action__agent__owner",
    "action__agent__sponsor",
)


@dataclass(frozen=True)
class WholeGate:
    """One gate, its seats, its exhibits and the people around it as they are now."""

    gate: Gate
    seats: Sequence[Seat]
    exhibits: Sequence[Exhibit]
    circle: Circle
    now: datetime

    @cached_property
    def presentation(self) -> Presentation:
        """Return what a reviewer is shown."""
        return present(self.gate, self.seats, self.exhibits)

    @property
    def state(self) -> GateState:
        """Return where the gate stands by the database's clock, labelled or not."""
        state = GateState(self.gate.state)
        overdue = state is GateState.PENDING and self.gate.expires_at <= self.now
        return GateState.EXPIRED if overdue else state

    @property
    def demands(self) -> list[Demand]:
        """Return what the seats ask of people."""
        return demands_of(self.seats)

    def standing(self, person: Person) -> Standing:
        """Say whether the person may decide this gate now, or why not."""
        return standing_of(person, self.circle, self.demands)

    def may_be_seen_by(self, person: Person) -> bool:
        """Whether the gate exists for this person: a member of its domain, or around it."""
        if permissions_for(person, self.gate.domain):
            return True
        around = {member.pk for members in self.circle.members.values() for member in members}
        return person.pk in around | set(self.circle.parties.values())

    def tally(self, reviews: Sequence[Review]) -> Tally:
        """Assign the reviews of the gate's epoch to its seats."""
        current = [review for review in reviews if review.epoch == self.gate.epoch]
        return ballots.count(self.seats, current, self.circle)


def whole(gate_id: uuid.UUID | str) -> WholeGate | None:
    """Return the gate, or None when there is none with this id. Five queries."""
    gate = Gate.objects.select_related(*_AROUND).filter(pk=gate_id).first()
    if gate is None:
        return None
    seats = list(gate.seats.order_by("group"))
    exhibits = list(gate.exhibits.select_related("agent").order_by("created_at", "pk"))
    circle = circle_of(gate.action, [seat.group for seat in seats])
    return WholeGate(gate, seats, exhibits, circle, database_now())


def reviews_of(gate: Gate) -> list[Review]:
    """Return the gate's reviews in the order they were given."""
    return list(gate.reviews.select_related("person").order_by("ordinal"))


def deciders(gate: Gate, reviews: Sequence[Review]) -> tuple[str, ...]:
    """Return the names of the people whose reviews made the gate's decision."""
    decision = getattr(gate, "decision", None)
    proof = decision.quorum_proof if decision else []
    return tuple(str(review.person) for review in reviews if str(review.pk) in proof)


def over(found: WholeGate, reviews: Sequence[Review]) -> Standing | None:
    """Say that the gate waits for nobody any more, by whom it was decided and when, or None."""
    if found.state is GateState.PENDING:
        return None
    if found.state is GateState.EXPIRED:
        sentence = _("The time to decide this is over; nothing was done.")
        return Standing(may_decide=False, code="expired", sentence=sentence)
    label = str(found.state.label).lower()
    by = ", ".join(deciders(found.gate, reviews))
    said = _("Already decided by %(by)s: %(state)s.") if by else _("This is over: %(state)s.")
    sentence = said % {"by": by, "state": label}
    return Standing(may_decide=False, code="already_decided", sentence=sentence)
