import uuid

from hypothesis import given
from hypothesis import strategies as st

from governance.models import Person
from governance.policy.obligations import PARTIES
from governance.policy.seats import SeatDemand, Vote, tally
from governance.selectors.eligibility import Circle, Demand, standing_of

CAST = [
    Person(pk=uuid.UUID(int=n), username=name, display_name=name, is_active=True)
    for n, name in enumerate(["Ada", "Grace", "Ines", "Sam", "Sue", "Tom"], 1)
]
GROUPS = ("owner", "sponsor", "maintainers", "security")
PEOPLE = st.sampled_from(CAST)
CIRCLES = st.builds(
    Circle,
    members=st.fixed_dictionaries(
        {group: st.lists(PEOPLE, unique=True).map(tuple) for group in GROUPS}
    ),
    parties=st.fixed_dictionaries(
        {party: st.none() | PEOPLE.map(lambda person: person.pk) for party in PARTIES}
    ),
)
DEMANDS = st.lists(
    st.builds(
        Demand,
        group=st.sampled_from(GROUPS),
        distinct_from=st.sets(st.sampled_from(PARTIES)).map(lambda named: tuple(sorted(named))),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda demand: demand.group,
)


def forbidden(circle: Circle, demand: Demand) -> set[uuid.UUID | None]:
    return {circle.parties[party] for party in demand.distinct_from}


@given(CIRCLES, DEMANDS)
def test_no_decision_ever_contains_somebody_who_must_be_another(
    circle: Circle, demands: list[Demand]
) -> None:
    seats = [SeatDemand(demand.group, 1) for demand in demands]
    votes = [
        Vote(
            review=str(person.pk),
            person=str(person.pk),
            ordinal=n,
            approves=True,
            assurance="session",
            groups=circle.groups_of(person.pk, demands),
        )
        for n, person in enumerate(CAST)
    ]
    filled = tally(seats, votes).filled
    for demand in demands:
        barred = {str(person_id) for person_id in forbidden(circle, demand)}
        members = {str(person.pk) for person in circle.members[demand.group]}
        assert not barred & set(filled.get(demand.group, ()))
        assert set(filled.get(demand.group, ())) <= members


@given(CIRCLES, DEMANDS, PEOPLE)
def test_whoever_may_not_decide_is_told_exactly_one_true_reason(
    circle: Circle, demands: list[Demand], person: Person
) -> None:
    standing = standing_of(person, circle, demands)
    fits = any(
        person in circle.members[demand.group] and person.pk not in forbidden(circle, demand)
        for demand in demands
    )
    assert standing.may_decide == fits
    assert bool(standing.code) == bool(standing.sentence) == (not fits)
    if standing.code.startswith("is_"):
        party = standing.code.removeprefix("is_")
        assert circle.parties[party] == person.pk
        assert all(party in demand.distinct_from for demand in demands)


@given(CIRCLES, DEMANDS)
def test_those_who_are_named_as_able_to_decide_are(circle: Circle, demands: list[Demand]) -> None:
    for demand in demands:
        for person in circle.candidates(demand):
            assert standing_of(person, circle, [demand]).may_decide


@given(CIRCLES, DEMANDS, PEOPLE)
def test_an_inactive_person_may_never_decide(
    circle: Circle, demands: list[Demand], person: Person
) -> None:
    gone = Person(pk=person.pk, username=person.username, is_active=False)
    assert standing_of(gone, circle, demands).code == "inactive_person"
