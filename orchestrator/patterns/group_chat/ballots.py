"""Ballots: papers in, a tally out. Counted in code, in integers, whatever the papers' order.

Borda: Jean-Charles de Borda (1781). Ranked pairs: T. N. Tideman, "Independence of clones as a
criterion for voting rules" (1987), with pairs of equal strength locked together.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

Paper = Mapping[str, Any]
Pair = tuple[str, str]
Outcome = Literal["decided", "tied", "undecided", "no_quorum"]
Counted = tuple[Outcome, tuple[str, ...], Mapping[str, int]]

REASON = {"type": "string", "maxLength": 4000}
HIGHEST_SCORE = 100
TRIMMED_FROM = 3


@dataclass(frozen=True, slots=True)
class Tally:
    """The count of one ballot. `leaders` is the winner alone when it decided.

    `points` are votes, Borda points, pairs locked in favour or trimmed sums of scores, as the
    method has it; `cast` counts the papers that chose.
    """

    method: str
    outcome: Outcome
    leaders: tuple[str, ...]
    points: Mapping[str, int]
    cast: int
    vetoed: tuple[str, ...] = ()


def paper_schema(method: str, proposals: Sequence[str], *, may_veto: bool) -> dict[str, Any]:
    """Return the JSON Schema of a paper: it chooses in the way of `method`, or it abstains."""
    key, choice = _choice(method, list(proposals))
    properties: dict[str, Any] = {
        key: choice,
        "abstain": {"const": True},
        "reason": REASON,
    }
    if may_veto:
        vetoes = {"type": "array", "uniqueItems": True, "items": {"enum": list(proposals)}}
        properties["veto"] = vetoes
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "oneOf": [{"required": [key]}, {"required": ["abstain"]}],
    }


def count(
    method: str, proposals: Sequence[str], papers: Collection[Paper], *, quorum: int
) -> Tally:
    """Return the tally of papers that fit their schema; without a quorum nothing is decided."""
    cast = [paper for paper in papers if "abstain" not in paper]
    vetoed = {name for paper in papers for name in paper.get("veto", ())}
    standing = [name for name in proposals if name not in vetoed]
    counted = _METHODS[method](standing, cast) if len(cast) >= quorum else ("no_quorum", (), {})
    outcome, leaders, points = counted
    return Tally(method, outcome, leaders, points, len(cast), tuple(sorted(vetoed)))


def borda(proposals: Sequence[str], papers: Collection[Paper]) -> Counted:
    """Return who has most points: the last of a ranking gets 0, each place above it 1 more."""
    points = dict.fromkeys(proposals, 0)
    for paper in papers:
        for place, name in enumerate(reversed(paper["ranking"])):
            points[name] += place
    return _highest(points)


def ranked_pairs(proposals: Sequence[str], papers: Collection[Paper]) -> Counted:
    """Return whom no locked pair beats; several of them are a tie."""
    locked = locked_pairs(margins(proposals, papers))
    beaten = {loser for _, loser in locked}
    wins = Counter(winner for winner, _ in locked)
    leaders = tuple(name for name in proposals if name not in beaten)
    outcome: Outcome = "decided" if len(leaders) == 1 else "tied"
    return outcome, leaders, {name: wins[name] for name in proposals}


def margins(proposals: Sequence[str], papers: Collection[Paper]) -> dict[Pair, int]:
    """Return by how many papers each pair's winner is ahead of its loser."""
    ahead = Counter(pair for paper in papers for pair in combinations(paper["ranking"], 2))
    pairs = ((a, b) for a in proposals for b in proposals if ahead[a, b] > ahead[b, a])
    return {(a, b): ahead[a, b] - ahead[b, a] for a, b in pairs}


def locked_pairs(strengths: Mapping[Pair, int]) -> frozenset[Pair]:
    """Return the pairs that count, strongest first: none that closes a circle.

    Pairs of equal strength are looked at together, and each of them that lies on a circle of
    them and stronger ones is left out; so no order of papers or proposals makes a difference.
    """
    locked: frozenset[Pair] = frozenset()
    for strength in sorted(set(strengths.values()), reverse=True):
        alike = {pair for pair, margin in strengths.items() if margin == strength}
        circle = [(a, b) for a, b in alike if _leads(locked | alike, b, a)]
        locked |= alike.difference(circle)
    return locked


def _leads(pairs: Collection[Pair], start: str, goal: str) -> bool:
    reached = {start}
    while ahead := {b for a, b in pairs if a in reached} - reached:
        reached |= ahead
    return goal in reached


def trimmed_mean(proposals: Sequence[str], papers: Collection[Paper]) -> Counted:
    """Return the best mean score without the one highest and the one lowest of each proposal.

    Every paper scores every proposal, so sums compare as means do. Nothing is left out while
    there are fewer than three papers.
    """
    scores = {name: sorted(int(paper["scores"][name]) for paper in papers) for name in proposals}
    cut = 1 if len(papers) >= TRIMMED_FROM else 0
    return _highest({name: sum(row[cut : len(row) - cut]) for name, row in scores.items()})


def majority(proposals: Sequence[str], papers: Collection[Paper]) -> Counted:
    """Return who has more than half of the votes cast; two halves are a tie."""
    points = _votes(proposals, papers)
    match leaders := _leaders(points):
        case (one, _) if points[one] * 2 == len(papers):
            return "tied", leaders, points
    return _reaching(points, lambda votes: votes * 2 > len(papers))


def supermajority(proposals: Sequence[str], papers: Collection[Paper]) -> Counted:
    """Return who has two thirds of the votes cast or more."""
    return _reaching(_votes(proposals, papers), lambda votes: votes * 3 >= len(papers) * 2)


def unanimous(proposals: Sequence[str], papers: Collection[Paper]) -> Counted:
    """Return who has every vote cast."""
    return _reaching(_votes(proposals, papers), lambda votes: votes == len(papers))


_METHODS: Mapping[str, Callable[[Sequence[str], Collection[Paper]], Counted]] = {
    "majority": majority,
    "supermajority": supermajority,
    "unanimous": unanimous,
    "veto": majority,
    "judge": unanimous,
    "borda": borda,
    "ranked_pairs": ranked_pairs,
    "score": trimmed_mean,
}


def _choice(method: str, proposals: list[str]) -> tuple[str, dict[str, Any]]:
    if method in {"borda", "ranked_pairs"}:
        each = {"minItems": len(proposals), "maxItems": len(proposals), "uniqueItems": True}
        return "ranking", {"type": "array", "items": {"enum": proposals}, **each}
    if method == "score":
        score = {"type": "integer", "minimum": 0, "maximum": HIGHEST_SCORE}
        return "scores", {
            "type": "object",
            "additionalProperties": False,
            "required": proposals,
            "properties": dict.fromkeys(proposals, score),
        }
    return "vote", {"enum": proposals}


def _votes(proposals: Sequence[str], papers: Iterable[Paper]) -> dict[str, int]:
    votes = Counter(paper["vote"] for paper in papers)
    return {name: votes[name] for name in proposals}


def _leaders(points: Mapping[str, int]) -> tuple[str, ...]:
    best = max(points.values(), default=0)
    return tuple(name for name, value in points.items() if value == best)


def _highest(points: Mapping[str, int]) -> Counted:
    leaders = _leaders(points)
    return ("decided" if len(leaders) == 1 else "tied"), leaders, points


def _reaching(points: Mapping[str, int], enough: Callable[[int], bool]) -> Counted:
    leaders = _leaders(points)
    if len(leaders) == 1 and enough(points[leaders[0]]):
        return "decided", leaders, points
    return "undecided", leaders, points
