"""What reviews amount to, with everybody's eligibility judged now."""

from collections.abc import Iterable, Sequence

from governance.models import Action, Gate, Review, Seat, Verb
from governance.policy.seats import SeatDemand, Tally, Vote, tally
from governance.selectors.eligibility import Circle, circle_of, demands_of


def recounted(gate: Gate, action: Action) -> Tally:
    """Count the gate's reviews again; its action comes with its agent, owner and sponsor."""
    seats = list(gate.seats.order_by("group"))
    circle = circle_of(action, [seat.group for seat in seats])
    return count(seats, gate.reviews.filter(epoch=gate.epoch).order_by("ordinal"), circle)


def count(seats: Sequence[Seat], reviews: Iterable[Review], circle: Circle) -> Tally:
    """Assign the reviews of one epoch to the seats.

    Somebody who lost their place since is counted no more, whatever they said before.
    """
    demands = demands_of(seats)
    votes = [
        Vote(
            review=str(review.pk),
            person=str(review.person_id),
            ordinal=review.ordinal,
            approves=review.verb == Verb.APPROVE,
            assurance=review.assurance,
            groups=circle.groups_of(review.person_id, demands),
        )
        for review in reviews
    ]
    asked = [SeatDemand(seat.group, seat.min_count, seat.min_assurance) for seat in seats]
    return tally(asked, votes)
