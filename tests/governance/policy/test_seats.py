from itertools import permutations
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from governance.policy.obligations import ASSURANCE
from governance.policy.seats import SeatDemand, Vote, can_be_filled, tally

GROUPS = ("owner", "maintainers", "security")
PEOPLE = ("ada", "grace", "ines", "sam", "mallory")

SEATS = st.dictionaries(
    st.sampled_from(GROUPS), st.tuples(st.integers(1, 2), st.sampled_from(ASSURANCE)), max_size=3
).map(lambda seats: [SeatDemand(group, n, level) for group, (n, level) in seats.items()])
MEMBERSHIP = st.dictionaries(
    st.sampled_from(PEOPLE), st.frozensets(st.sampled_from(GROUPS)), max_size=5
)
ACTS = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.booleans(), st.sampled_from(ASSURANCE)), max_size=8
)


def vote(
    person: str,
    *groups: str,
    ordinal: int = 1,
    approves: bool = True,
    assurance: str = "session",
) -> Vote:
    return Vote(f"{person}#{ordinal}", person, ordinal, approves, assurance, frozenset(groups))


def votes_of(acts: list[tuple[str, bool, str]], groups: dict[str, frozenset[str]]) -> list[Vote]:
    return [
        Vote(f"{person}#{n}", person, n, approves, assurance, groups.get(person, frozenset()))
        for n, (person, approves, assurance) in enumerate(acts)
    ]


def latest_of(votes: list[Vote]) -> list[Vote]:
    return list({v.person: v for v in sorted(votes, key=lambda v: v.ordinal)}.values())


def slow_can_be_filled(seats: list[SeatDemand], approvals: list[Vote]) -> bool:
    """Try every order of every choice of people: obviously right and far too slow."""
    chairs = [seat for seat in seats for _ in range(seat.count)]
    return bool(chairs) and any(
        all(
            chair.group in someone.groups
            and ASSURANCE.index(someone.assurance) >= ASSURANCE.index(chair.assurance)
            for chair, someone in zip(chairs, chosen, strict=True)
        )
        for chosen in permutations(approvals, len(chairs))
    )


@given(SEATS, MEMBERSHIP, ACTS)
def test_the_outcome_is_that_of_trying_every_assignment(
    seats: list[SeatDemand],
    groups: dict[str, frozenset[str]],
    acts: list[tuple[str, bool, str]],
) -> None:
    votes = votes_of(acts, groups)
    counted = [v for v in latest_of(votes) if v.groups & {seat.group for seat in seats}]
    if any(not v.approves for v in counted):
        expected = "rejected"
    else:
        expected = "approved" if slow_can_be_filled(seats, counted) else "pending"
    assert tally(seats, votes).outcome == expected


@given(SEATS, MEMBERSHIP, ACTS, st.randoms())
def test_the_order_in_which_reviews_are_listed_changes_nothing(
    seats: list[SeatDemand],
    groups: dict[str, frozenset[str]],
    acts: list[tuple[str, bool, str]],
    random: Random,
) -> None:
    votes = votes_of(acts, groups)
    shuffled = list(votes)
    random.shuffle(shuffled)
    assert tally(seats, shuffled) == tally(seats, votes)


@given(SEATS, MEMBERSHIP, ACTS)
def test_nobody_fills_two_seats_or_a_seat_that_is_not_theirs(
    seats: list[SeatDemand],
    groups: dict[str, frozenset[str]],
    acts: list[tuple[str, bool, str]],
) -> None:
    votes = {v.review: v for v in votes_of(acts, groups)}
    result = tally(seats, votes.values())
    sitting = [review for reviews in result.filled.values() for review in reviews]
    assert len({votes[review].person for review in sitting}) == len(sitting)
    for group, reviews in result.filled.items():
        assert all(group in votes[review].groups for review in reviews)
        assert len(reviews) <= sum(seat.count for seat in seats if seat.group == group)


@given(SEATS, MEMBERSHIP)
def test_staffing_agrees_with_what_approvals_by_everybody_would_give(
    seats: list[SeatDemand], groups: dict[str, frozenset[str]]
) -> None:
    votes = [vote(person, *mine, assurance="passkey") for person, mine in groups.items()]
    assert can_be_filled(seats, groups) == (tally(seats, votes).outcome == "approved")


def test_two_seats_are_not_filled_by_one_person_in_both_groups() -> None:
    seats = [SeatDemand("maintainers", 1), SeatDemand("security", 1)]
    grace = vote("grace", "maintainers", "security")
    assert tally(seats, [grace]).outcome == "pending"
    assert tally(seats, [grace, vote("sam", "maintainers", ordinal=2)]).outcome == "approved"


def test_somebody_seated_first_makes_room_for_one_who_fits_nowhere_else() -> None:
    seats = [SeatDemand("maintainers", 1), SeatDemand("security", 1)]
    grace = vote("grace", "maintainers", "security", ordinal=1)
    sam = vote("sam", "maintainers", ordinal=2)
    assert tally(seats, [grace, sam]).filled == {
        "security": ("grace#1",),
        "maintainers": ("sam#2",),
    }


def test_a_persons_latest_review_counts() -> None:
    seats = [SeatDemand("maintainers", 1)]
    rejected = vote("grace", "maintainers", ordinal=1, approves=False)
    approved = vote("grace", "maintainers", ordinal=2)
    assert tally(seats, [approved, rejected]).outcome == "approved"


def test_one_rejection_decides() -> None:
    seats = [SeatDemand("maintainers", 2)]
    votes = [vote("grace", "maintainers"), vote("sam", "maintainers", ordinal=2, approves=False)]
    assert tally(seats, votes).outcome == "rejected"
    assert tally(seats, votes).proof == ("sam#2",)


def test_a_rejection_by_somebody_without_a_seat_does_not_count() -> None:
    seats = [SeatDemand("maintainers", 1)]
    assert tally(seats, [vote("mallory", approves=False)]).outcome == "pending"


def test_too_weak_an_assurance_fills_no_seat() -> None:
    seats = [SeatDemand("maintainers", 1, "passkey")]
    assert tally(seats, [vote("grace", "maintainers", assurance="mfa")]).outcome == "pending"
    assert tally(seats, [vote("grace", "maintainers", assurance="passkey")]).outcome == "approved"


def test_a_gate_without_seats_is_never_approved() -> None:
    assert tally([], [vote("grace", "maintainers")]).outcome == "pending"
    assert not can_be_filled([], {"grace": frozenset({"maintainers"})})
