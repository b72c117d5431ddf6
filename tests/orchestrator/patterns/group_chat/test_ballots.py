"""Ballots against slow references that follow the definitions to the letter."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, permutations
from random import Random
from statistics import mean

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.group_chat.ballots import (
    Paper,
    Tally,
    count,
    locked_pairs,
    margins,
    paper_schema,
)

METHODS = (
    "majority",
    "supermajority",
    "unanimous",
    "veto",
    "judge",
    "borda",
    "ranked_pairs",
    "score",
)
Strengths = dict[tuple[str, str], int]

proposals = st.integers(1, 5).map(lambda n: [f"p{i}" for i in range(1, n + 1)])


@st.composite
def rankings(draw: st.DrawFn) -> tuple[list[str], list[Paper]]:
    names = draw(proposals)
    ranked = st.permutations(names).map(lambda order: {"ranking": order})
    return names, draw(st.lists(ranked, min_size=1, max_size=9))


@st.composite
def elections(draw: st.DrawFn) -> tuple[str, list[str], list[Paper]]:
    method, names = draw(st.sampled_from(METHODS)), draw(proposals)
    papers: list[Paper] = draw(st.lists(_papers(method, names), max_size=9))
    return method, names, papers


def _papers(method: str, names: list[str]) -> st.SearchStrategy[Paper]:
    abstaining: st.SearchStrategy[Paper] = st.just({"abstain": True})
    if method in {"borda", "ranked_pairs"}:
        return abstaining | st.permutations(names).map(lambda order: {"ranking": order})
    if method == "score":
        scores = st.fixed_dictionaries({name: st.integers(0, 100) for name in names})
        return abstaining | scores.map(lambda each: {"scores": each})
    voted: st.SearchStrategy[Paper] = st.sampled_from(names).map(lambda name: {"vote": name})
    if method != "veto":
        return abstaining | voted
    vetoes = st.lists(st.sampled_from(names), unique=True)
    return st.tuples(abstaining | voted, vetoes).map(lambda both: {**both[0], "veto": both[1]})


def tally(method: str, papers: Sequence[Paper], names: str = "abc", quorum: int = 1) -> Tally:
    return count(method, list(names), papers, quorum=quorum)


def votes(**cast: int) -> list[Paper]:
    return [{"vote": name} for name, times in cast.items() for _ in range(times)]


def ranked(**cast: int) -> list[Paper]:
    return [{"ranking": list(order)} for order, times in cast.items() for _ in range(times)]


@given(elections())
def test_every_paper_that_is_generated_fits_its_schema(
    election: tuple[str, list[str], list[Paper]],
) -> None:
    method, names, papers = election
    schema = paper_schema(method, names, may_veto=method == "veto")
    assert all(jsonschema_rs.is_valid(schema, dict(paper)) for paper in papers)


@given(elections(), st.integers(1, 9), st.randoms(use_true_random=True))
def test_the_order_of_papers_makes_no_difference(
    election: tuple[str, list[str], list[Paper]], quorum: int, random: Random
) -> None:
    method, names, papers = election
    shuffled = random.sample(papers, len(papers))
    before = count(method, names, papers, quorum=quorum)
    assert count(method, names, shuffled, quorum=quorum) == before


@given(elections(), st.randoms(use_true_random=True))
def test_the_order_of_proposals_makes_no_difference_to_who_leads(
    election: tuple[str, list[str], list[Paper]], random: Random
) -> None:
    method, names, papers = election
    before = count(method, names, papers, quorum=1)
    after = count(method, random.sample(names, len(names)), papers, quorum=1)
    assert (after.outcome, set(after.leaders)) == (before.outcome, set(before.leaders))


@given(elections(), st.integers(1, 9))
def test_nothing_is_decided_without_a_quorum_of_papers_that_choose(
    election: tuple[str, list[str], list[Paper]], quorum: int
) -> None:
    method, names, papers = election
    cast = sum("abstain" not in paper for paper in papers)
    found = count(method, names, papers, quorum=quorum)
    assert (found.outcome == "no_quorum") == (cast < quorum)


@given(elections())
def test_a_decision_has_one_leader_and_a_tie_has_several(
    election: tuple[str, list[str], list[Paper]],
) -> None:
    method, names, papers = election
    found = count(method, names, papers, quorum=1)
    if found.outcome == "decided":
        assert len(found.leaders) == 1
    if found.outcome == "tied":
        assert len(found.leaders) > 1


@given(rankings())
def test_borda_is_the_sum_of_all_pairwise_preferences(
    election: tuple[list[str], list[Paper]],
) -> None:
    names, papers = election
    points = dict.fromkeys(names, 0)
    for paper in papers:
        for above, _ in combinations(paper["ranking"], 2):
            points[above] += 1
    best = [name for name in names if points[name] == max(points.values())]
    found = count("borda", names, papers, quorum=1)
    assert (found.points, list(found.leaders)) == (points, best)


@given(rankings())
def test_ranked_pairs_locks_what_no_circle_of_its_strength_or_more_contradicts(
    election: tuple[list[str], list[Paper]],
) -> None:
    names, papers = election
    strengths = margins(names, papers)
    locked = slowly_locked(names, strengths)
    unbeaten = [name for name in names if all(loser != name for _, loser in locked)]
    assert locked_pairs(strengths) == locked
    assert list(count("ranked_pairs", names, papers, quorum=1).leaders) == unbeaten


@given(proposals, st.data())
def test_ranked_pairs_without_equal_strengths_is_the_best_order_of_all(
    names: list[str], data: st.DataObject
) -> None:
    pairs = [data.draw(st.permutations(pair)) for pair in combinations(names, 2)]
    order = data.draw(st.permutations(range(1, len(pairs) + 1)))
    strengths = {(a, b): margin for (a, b), margin in zip(pairs, order, strict=True)}
    locked = locked_pairs(strengths)
    unbeaten = [name for name in names if all(loser != name for _, loser in locked)]
    assert unbeaten == [best_order(names, strengths)[0]]


@given(rankings())
def test_whoever_beats_everybody_wins_by_ranked_pairs(
    election: tuple[list[str], list[Paper]],
) -> None:
    names, papers = election
    strengths = margins(names, papers)
    for name in names:
        if all((name, other) in strengths for other in names if other != name):
            assert count("ranked_pairs", names, papers, quorum=1).leaders == (name,)


@given(st.lists(st.tuples(*[st.integers(0, 100)] * 3), min_size=1, max_size=9))
def test_score_is_the_mean_without_the_highest_and_the_lowest(
    rows: list[tuple[int, int, int]],
) -> None:
    papers = [{"scores": dict(zip("abc", row, strict=True))} for row in rows]
    means = {name: trimmed([row[i] for row in rows]) for i, name in enumerate("abc")}
    best = tuple(name for name in "abc" if means[name] == max(means.values()))
    assert tally("score", papers).leaders == best


@given(elections().filter(lambda e: e[0] in {"majority", "supermajority", "unanimous"}))
def test_a_share_of_the_votes_decides_exactly_from_its_threshold(
    election: tuple[str, list[str], list[Paper]],
) -> None:
    method, names, papers = election
    cast = [paper["vote"] for paper in papers if "vote" in paper]
    enough = {
        "majority": Fraction(1, 2),
        "supermajority": Fraction(2, 3),
        "unanimous": Fraction(1),
    }
    winners = [n for n in names if cast and _share(cast, n) >= enough[method]]
    if method == "majority":
        winners = [n for n in winners if _share(cast, n) > Fraction(1, 2)]
    found = count(method, names, papers, quorum=1)
    assert (list(found.leaders) if found.outcome == "decided" else []) == winners


def test_two_halves_are_a_tie_and_three_thirds_are_not() -> None:
    assert tally("majority", votes(a=2, b=2)).outcome == "tied"
    assert tally("majority", votes(a=2, b=2)).leaders == ("a", "b")
    assert tally("majority", votes(a=1, b=1, c=1)).outcome == "undecided"


def test_two_thirds_are_a_supermajority_and_all_are_unanimous() -> None:
    assert tally("supermajority", votes(a=2, b=1)).outcome == "decided"
    assert tally("supermajority", votes(a=3, b=2)).outcome == "undecided"
    assert tally("unanimous", votes(a=3)).outcome == "decided"
    assert tally("unanimous", votes(a=3, b=1)).outcome == "undecided"


def test_a_veto_keeps_a_majority_from_winning() -> None:
    papers = [*votes(a=2), {"vote": "b", "veto": ["a"]}]
    assert tally("veto", papers).outcome == "undecided"
    assert tally("veto", papers).vetoed == ("a",)
    assert tally("veto", votes(a=2, b=1)).leaders == ("a",)


def test_one_who_abstains_may_still_veto() -> None:
    papers: list[Paper] = [*votes(a=2), {"abstain": True, "veto": ["a"]}]
    assert tally("veto", papers).outcome == "undecided"


def test_only_those_who_may_veto_can_write_one() -> None:
    paper = {"vote": "a", "veto": ["b"]}
    assert jsonschema_rs.is_valid(paper_schema("veto", ["a", "b"], may_veto=True), paper)
    assert not jsonschema_rs.is_valid(paper_schema("veto", ["a", "b"], may_veto=False), paper)


def test_tennessee_has_its_capital_where_the_books_say() -> None:
    """Memphis, Nashville, Chattanooga, Knoxville: 42, 26, 15 and 17 of a hundred voters."""
    papers = ranked(MNCK=42, NCKM=26, CKNM=15, KCNM=17)
    assert tally("ranked_pairs", papers, "MNCK").leaders == ("N",)
    borda = tally("borda", papers, "MNCK")
    assert borda.points == {"M": 126, "N": 194, "C": 173, "K": 107}
    assert borda.leaders == ("N",)


def test_borda_and_ranked_pairs_may_differ() -> None:
    papers = ranked(abc=3, bca=2)
    assert tally("borda", papers).leaders == ("b",)
    assert tally("ranked_pairs", papers).leaders == ("a",)


def test_a_circle_of_equal_strength_is_a_tie_of_all() -> None:
    found = tally("ranked_pairs", ranked(abc=1, bca=1, cab=1))
    assert (found.outcome, found.leaders) == ("tied", ("a", "b", "c"))


@pytest.mark.parametrize(
    ("method", "paper"),
    [
        ("majority", {"vote": "z"}),
        ("majority", {"vote": "a", "abstain": True}),
        ("majority", {"vote": ["a", "b"]}),
        ("majority", {}),
        ("majority", {"vote": "a", "weight": 9}),
        ("borda", {"ranking": ["a"]}),
        ("borda", {"ranking": ["a", "a"]}),
        ("borda", {"ranking": ["a", "b", "c"]}),
        ("score", {"scores": {"a": 1}}),
        ("score", {"scores": {"a": 1, "b": 101}}),
        ("score", {"scores": {"a": 1, "b": True}}),
        ("score", {"scores": {"a": 1, "b": 2, "c": 3}}),
    ],
)
def test_a_paper_that_does_not_choose_as_the_method_does_is_refused(
    method: str, paper: Paper
) -> None:
    assert not jsonschema_rs.is_valid(paper_schema(method, ["a", "b"], may_veto=False), paper)


def slowly_locked(names: list[str], strengths: Strengths) -> set[tuple[str, str]]:
    """Look at every simple path there is, strength by strength."""
    locked: set[tuple[str, str]] = set()
    for strength in sorted(set(strengths.values()), reverse=True):
        alike = {pair for pair, margin in strengths.items() if margin == strength}
        known = locked | alike
        locked |= {(a, b) for a, b in alike if not any_path(names, known, b, a)}
    return locked


def any_path(names: list[str], pairs: set[tuple[str, str]], start: str, goal: str) -> bool:
    between = [name for name in names if name not in (start, goal)]
    return any(
        all(step in pairs for step in zip((start, *middle), (*middle, goal), strict=True))
        for length in range(len(between) + 1)
        for middle in permutations(between, length)
    )


def best_order(names: list[str], strengths: Strengths) -> tuple[str, ...]:
    """Return the ranking that keeps the strongest pair, then the next strongest, and so on."""
    strongest = sorted(strengths, key=lambda pair: -strengths[pair])

    def kept(order: tuple[str, ...]) -> list[bool]:
        return [order.index(a) < order.index(b) for a, b in strongest]

    return max(permutations(names), key=kept)


def trimmed(row: list[int]) -> Fraction:
    kept = sorted(row)[1:-1] if len(row) >= 3 else row
    return mean([Fraction(score) for score in kept])


def _share(cast: list[str], name: str) -> Fraction:
    return Fraction(cast.count(name), len(cast))
