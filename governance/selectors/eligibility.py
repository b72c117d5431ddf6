"""Who may sit where, judged at the moment it is asked.

Eligibility comes from the gate's seats alone: no permission, no superuser flag and no earlier
answer adds to it.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.models import Action, Person, Seat, Team
from governance.policy.obligations import PARTIES, Obligations
from governance.policy.seats import SeatDemand, can_be_filled
from governance.selectors.gate_view import Standing


@dataclass(frozen=True, slots=True)
class Demand:
    """One seat as eligibility sees it: its group, and the parties nobody in it may be."""

    group: str
    distinct_from: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Circle:
    """The people around one action: members of each group, and who the parties are."""

    members: Mapping[str, tuple[Person, ...]]
    parties: Mapping[str, uuid.UUID | None]

    def groups_of(self, person_id: uuid.UUID, demands: Iterable[Demand]) -> frozenset[str]:
        """Return the groups whose seats this person may fill now."""
        return frozenset(
            demand.group
            for demand in demands
            if not self.barred_as(person_id, demand.distinct_from)
            and any(member.pk == person_id for member in self.members[demand.group])
        )

    def barred_as(self, person_id: uuid.UUID, parties: Collection[str]) -> str:
        """Return the first of `parties` that this person is, or an empty string."""
        return next(
            (p for p in PARTIES if p in parties and self.parties[p] == person_id),
            "",
        )

    def candidates(self, demand: Demand) -> list[Person]:
        """Return the people who could fill a seat like this, by name."""
        fitting = (
            person
            for person in self.members[demand.group]
            if person.may_sign_in and not self.barred_as(person.pk, demand.distinct_from)
        )
        return sorted(fitting, key=str)


def circle_of(action: Action, groups: Collection[str]) -> Circle:
    """Look up the active people of the groups; `owner` and `sponsor` are the agent's own.

    `action` comes with its agent, owner and sponsor loaded.
    """
    agent = action.agent
    own = {"owner": agent.owner, "sponsor": agent.sponsor}
    members: dict[str, tuple[Person, ...]] = {
        group: (own[group],) if group in own and own[group].is_active else () for group in groups
    }
    for team, person in _team_members(action.domain_id, set(groups) - own.keys()):
        members[team] = (*members[team], person)
    return Circle(members, _parties(action))


def circles_among(
    people: Sequence[Person], actions: Sequence[Action], groups: Collection[str]
) -> list[Circle]:
    """Return the circle of each action, made of these people only; two queries for any number.

    Enough to judge these people; not to say who else could decide.
    """
    if not actions:
        return []
    memberships = Team.people.through.objects.filter(
        team__domain=actions[0].domain_id,
        team__slug__in=groups,
        person__in=people,
        person__is_active=True,
    ).values_list("team__slug", "person_id")
    known = {person.pk: person for person in people if person.is_active}
    members: dict[str, tuple[Person, ...]] = dict.fromkeys(groups, ())
    for slug, person_id in memberships:
        members[slug] = (*members[slug], known[person_id])
    return [_circle_among(action, members, known) for action in actions]


def demands_of(seats: Iterable[Seat]) -> list[Demand]:
    """Return what the gate's seats ask of people."""
    return [Demand(seat.group, tuple(seat.distinct_from)) for seat in seats]


def can_be_staffed(action: Action, asked: Obligations) -> bool:
    """Whether enough different people could agree to this now.

    Until somebody can sign in at all, nothing is known about who will; such a gate may open,
    and it simply waits.
    """
    demands = [Demand(group, asked.distinct_from) for group, _quorum in asked.seats]
    circle = circle_of(action, [demand.group for demand in demands])
    seats = [SeatDemand(group, quorum) for group, quorum in asked.seats]
    people = {
        str(person.pk): circle.groups_of(person.pk, demands)
        for demand in demands
        for person in circle.candidates(demand)
    }
    return can_be_filled(seats, people) or not _anybody_can_sign_in()


def standing_of(person: Person, circle: Circle, demands: Sequence[Demand]) -> Standing:
    """Say whether the person may fill a seat, or the one reason why not."""
    if not (person.is_active and person.may_sign_in):
        return _refused("inactive_person", _("Your account is not active."))
    if circle.groups_of(person.pk, demands):
        return Standing(may_decide=True)
    everywhere = set(PARTIES).intersection(*(demand.distinct_from for demand in demands))
    party = circle.barred_as(person.pk, everywhere)
    if party:
        return _refused(f"is_{party}", str(_PARTY_WORDS[party]))
    return _refused("not_eligible", _("You are not among the people this gate asks."))


_PARTY_WORDS = {
    "initiator": gettext_lazy("You started this, so somebody else must decide."),
    "owner": gettext_lazy("You own the agent that asks, so somebody else must decide."),
    "sponsor": gettext_lazy("You sponsor the agent that asks, so somebody else must decide."),
}


def _circle_among(
    action: Action, members: Mapping[str, tuple[Person, ...]], known: Mapping[uuid.UUID, Person]
) -> Circle:
    parties = _parties(action)
    own = {
        group: (known[person_id],) if person_id in known else ()
        for group, person_id in parties.items()
        if group in ("owner", "sponsor") and person_id
    }
    return Circle({**members, **own}, parties)


def _parties(action: Action) -> dict[str, uuid.UUID | None]:
    return {
        "initiator": action.on_behalf_of_id,
        "owner": action.agent.owner_id,
        "sponsor": action.agent.sponsor_id,
    }


def _refused(code: str, sentence: str) -> Standing:
    return Standing(may_decide=False, code=code, sentence=sentence)


def _team_members(domain_id: uuid.UUID, slugs: Collection[str]) -> Iterable[tuple[str, Person]]:
    memberships = Team.people.through.objects.filter(
        team__domain=domain_id, team__slug__in=slugs, person__is_active=True
    )
    found = memberships.select_related("team", "person").order_by("person_id")
    return ((row.team.slug, row.person) for row in found)


def _anybody_can_sign_in() -> bool:
    return Person.objects.filter(is_active=True, may_sign_in=True).exists()
