from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from governance.policy.obligations import ASSURANCE, PARTIES, Obligations, join

LENGTHS = st.none() | st.integers(1, 10_000).map(lambda n: timedelta(seconds=n))
SEATS = st.dictionaries(
    st.sampled_from(["owner", "maintainers", "security", "finance"]), st.integers(1, 5)
).map(lambda seats: tuple(sorted(seats.items())))
OBLIGATIONS = st.builds(
    Obligations,
    seats=SEATS,
    distinct_from=st.sets(st.sampled_from(PARTIES)).map(lambda named: tuple(sorted(named))),
    assurance=st.sampled_from(ASSURANCE),
    decide_within=LENGTHS,
    valid_for=LENGTHS,
    comment=st.booleans(),
)


@given(OBLIGATIONS, OBLIGATIONS, OBLIGATIONS)
def test_joining_is_associative(a: Obligations, b: Obligations, c: Obligations) -> None:
    assert join([join([a, b]), c]) == join([a, join([b, c])])


@given(OBLIGATIONS, OBLIGATIONS)
def test_joining_is_commutative(a: Obligations, b: Obligations) -> None:
    assert join([a, b]) == join([b, a])


@given(OBLIGATIONS)
def test_joining_is_idempotent_and_nothing_is_its_identity(a: Obligations) -> None:
    assert join([a, a]) == a
    assert join([a, Obligations()]) == a
    assert join([]) == Obligations()


@given(OBLIGATIONS, OBLIGATIONS)
def test_joining_only_ever_tightens(a: Obligations, b: Obligations) -> None:
    both = join([a, b])
    assert all(dict(both.seats)[group] >= quorum for group, quorum in a.seats)
    assert {*a.distinct_from} <= {*both.distinct_from}
    assert ASSURANCE.index(both.assurance) >= ASSURANCE.index(a.assurance)
    assert a.decide_within is None or (both.decide_within or a.decide_within) <= a.decide_within
    assert a.valid_for is None or (both.valid_for or a.valid_for) <= a.valid_for
    assert both.comment or not a.comment


def test_times_nobody_named_are_a_day_to_decide_and_a_quarter_of_an_hour_to_act() -> None:
    kept = join([]).as_json()
    assert kept["decide_within_seconds"] == 24 * 3600
    assert kept["valid_for_seconds"] == 15 * 60


def test_the_example_of_the_specification_joins_as_computed_there() -> None:
    any_deployment = Obligations(
        seats=(("release-managers", 1),), decide_within=timedelta(hours=2)
    )
    production = Obligations(
        seats=(("release-managers", 2),),
        assurance="passkey",
        decide_within=timedelta(minutes=30),
        distinct_from=("initiator", "owner"),
    )
    assert join([any_deployment, production]) == Obligations(
        seats=(("release-managers", 2),),
        assurance="passkey",
        decide_within=timedelta(minutes=30),
        distinct_from=("initiator", "owner"),
    )
