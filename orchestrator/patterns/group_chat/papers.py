"""The papers of every ballot held so far, each judged by what its voter was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.patterns.base import History, PastStep
from orchestrator.patterns.children import Fault, fault_of
from orchestrator.patterns.group_chat.ballots import Paper, paper_schema
from orchestrator.patterns.group_chat.rules import Rules
from orchestrator.patterns.group_chat.thread import Entry, Turn, proposals_in

VOTE = "vote_"


@dataclass(frozen=True, slots=True)
class Ballot:
    """The ballot after `turns` turns: the papers that count, and what was wrong with others."""

    turns: int
    papers: Mapping[str, Paper]
    faults: Sequence[tuple[str, Fault]]

    @property
    def is_begun(self) -> bool:
        """Whether anybody has been asked for a paper."""
        return bool(self.papers or self.faults)

    def entries(self, seq: int) -> list[Entry]:
        """Return the votes as lines of the thread, from number `seq` on."""
        papers = enumerate(sorted(self.papers.items()), start=seq)
        return [_vote(n, voter, paper) for n, (voter, paper) in papers]


def vote_schema(rules: Rules, turns: Sequence[Turn], voter: str) -> dict[str, Any]:
    """Return the JSON Schema of a voter's paper in the ballot after these turns."""
    voting = rules.voting
    names = list(proposals_in(turns))
    return paper_schema(voting.method, names, may_veto=voter in voting.vetoers)


def ballots_of(history: History, rules: Rules, turns: tuple[Turn, ...]) -> tuple[Ballot, ...]:
    """Return the ballots in the order in which they were held."""
    steps = [step for step in history.past if step.path.startswith(VOTE)]
    steps.sort(key=lambda step: (step.task["turn"], step.path, step.iteration))
    numbers = sorted({step.task["turn"] for step in steps})
    return tuple(_ballot(n, steps, rules, turns[:n]) for n in numbers)


def _ballot(
    number: int, steps: Sequence[PastStep], rules: Rules, turns: tuple[Turn, ...]
) -> Ballot:
    papers: dict[str, Paper] = {}
    faults: list[tuple[str, Fault]] = []
    for step in (step for step in steps if step.task["turn"] == number):
        voter = step.task["participant"]
        if fault := fault_of(step, vote_schema(rules, turns, voter)):
            faults.append((voter, fault))
        else:
            papers[voter] = step.output
    return Ballot(number, papers, faults)


def _vote(seq: int, voter: str, paper: Paper) -> Entry:
    choice = {key: value for key, value in paper.items() if key != "reason"}
    refs = tuple(paper.get("ranking", [paper["vote"]] if "vote" in paper else ()))
    return Entry(seq, voter, "vote", paper.get("reason", ""), refs, choice)
