"""A group chat as its thread: who said what, what was proposed, and how every ballot came out."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orchestrator.patterns.base import History
from orchestrator.patterns.group_chat.ballots import Tally, count
from orchestrator.patterns.group_chat.chat import Chat, read_chat
from orchestrator.patterns.group_chat.news import tally_of
from orchestrator.patterns.group_chat.papers import Ballot
from orchestrator.patterns.group_chat.thread import proposals_in
from orchestrator.patterns.states import FINAL
from orchestrator.selectors.blocks import ended

METHODS: Mapping[str, str | Promise] = {
    "majority": gettext_lazy("more than half of the votes"),
    "supermajority": gettext_lazy("two thirds of the votes"),
    "unanimous": gettext_lazy("all votes"),
    "veto": gettext_lazy("votes, and nobody's veto"),
    "borda": gettext_lazy("Borda points"),
    "ranked_pairs": gettext_lazy("ranked pairs"),
    "score": gettext_lazy("scores"),
    "judge": gettext_lazy("a judge"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the thread. `name` is a proposal's number; a lost turn has an `error`."""

    author: str
    kind: str
    text: str
    name: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """What one proposal got in a ballot."""

    name: str
    text: str
    points: int
    leads: bool


@dataclass(frozen=True, slots=True)
class Counting:
    """One closed ballot. `papers` says for each voter what it chose, in words."""

    round: int
    outcome: str
    counts: Sequence[Count]
    papers: Sequence[tuple[str, str, str]]
    vetoed: Sequence[str]


@dataclass(frozen=True, slots=True)
class Thread:
    """The chat so far. `entries` are lines and countings, in order; `floor` is who is asked."""

    round: int
    max_rounds: int
    method: str | Promise
    quorum: int
    participants: Sequence[str]
    removed: Sequence[str]
    entries: Sequence[Line | Counting]
    floor: Sequence[str]


def shown(history: History, names: Mapping[str, str]) -> Thread:
    """Return the thread with the agents' registered names."""
    chat = read_chat(ended(history))
    rules = chat.rules
    open_ones = [child for child in history.past if child.state not in FINAL]
    begun = chat.number + any(child.path == "turn" for child in open_ones)
    return Thread(
        round=max(1, ceil(begun / rules.turns_in_a_round)),
        max_rounds=rules.max_rounds,
        method=METHODS.get(rules.voting.method, rules.voting.method),
        quorum=rules.voting.quorum,
        participants=[names.get(name, name) for name in rules.participants],
        removed=[names.get(n, n) for n in rules.participants if chat.is_removed(n)],
        entries=list(_entries(chat, names)),
        floor=[names.get(child.agent, child.agent) for child in open_ones if child.agent],
    )


def _entries(chat: Chat, names: Mapping[str, str]) -> Iterator[Line | Counting]:
    ballots = {ballot.turns: ballot for ballot in chat.ballots}
    made = 0
    for number, turn in enumerate(chat.turns, start=1):
        made += turn.kind == "proposal"
        author = names.get(turn.participant, turn.participant)
        if turn.fault:
            yield Line(author, "lost", "", error=turn.fault.detail)
        else:
            name = f"p{made}" if turn.kind == "proposal" else ""
            yield Line(author, turn.kind, str(turn.answer["text"]), name)
        ballot = ballots.get(number)
        if ballot and ballot.is_begun and _is_closed(chat, ballot):
            yield _counting(chat, ballot, names)


def _is_closed(chat: Chat, ballot: Ballot) -> bool:
    return ballot.turns < chat.number or chat.is_ballot_closed


def _counting(chat: Chat, ballot: Ballot, names: Mapping[str, str]) -> Counting:
    proposals = proposals_in(chat.turns[: ballot.turns])
    tally = _tally(chat, ballot, proposals)
    return Counting(
        round=ballot.turns // chat.rules.turns_in_a_round,
        outcome=tally.outcome,
        counts=[_count(name, one["text"], tally) for name, one in proposals.items()],
        papers=[
            (names.get(voter, voter), _choice(paper), str(paper.get("reason", "")))
            for voter, paper in sorted(ballot.papers.items())
        ],
        vetoed=tally.vetoed,
    )


def _tally(chat: Chat, ballot: Ballot, proposals: Collection[str]) -> Tally:
    """Count a ballot as its chat did; one after which the chat went on decided nothing."""
    if ballot.turns == chat.number:
        return tally_of(chat)
    voting, papers = chat.rules.voting, list(ballot.papers.values())
    tally = count(voting.method, list(proposals), papers, quorum=voting.quorum)
    return replace(tally, outcome="undecided") if tally.outcome == "decided" else tally


def _count(name: str, text: str, tally: Tally) -> Count:
    return Count(name, text, tally.points.get(name, 0), name in tally.leaders)


def _choice(paper: Mapping[str, object]) -> str:
    if "abstain" in paper:
        return _("abstains")
    if "vote" in paper:
        return str(paper["vote"])
    if isinstance(ranking := paper.get("ranking"), list):
        return " > ".join(map(str, ranking))
    scores = paper.get("scores")
    if isinstance(scores, Mapping):
        return ", ".join(f"{name}: {score}" for name, score in scores.items())
    return ""
