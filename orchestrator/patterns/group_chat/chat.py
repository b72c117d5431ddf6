"""What happened in a chat, read from its children while all of them have ended.

Children stand at `turn`, `speaker` (the manager's choice), `bid_<participant>`,
`vote_<participant>` and `judge`. The task of each says after how many turns it was asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.patterns.base import Ask, History, Kind, PastStep
from orchestrator.patterns.children import STRIKES, Fault, children, next_iteration
from orchestrator.patterns.group_chat.papers import VOTE, Ballot, ballots_of
from orchestrator.patterns.group_chat.rules import Rules, rules_of
from orchestrator.patterns.group_chat.thread import (
    SHOWN,
    Entry,
    Turn,
    answer_schema,
    proposals_in,
    turns_of,
)


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat between two moves."""

    history: History
    rules: Rules
    turns: tuple[Turn, ...]
    ballots: tuple[Ballot, ...]

    @property
    def number(self) -> int:
        """Return how many turns have ended, which is also the number of the next one."""
        return len(self.turns)

    @property
    def round(self) -> int:
        """Return how many rounds have ended."""
        return self.number // self.rules.turns_in_a_round

    @property
    def last(self) -> str:
        """Return who had the last turn, empty before the first."""
        return self.turns[-1].participant if self.turns else ""

    @property
    def proposals(self) -> dict[str, dict[str, Any]]:
        """Return the proposals by number."""
        return proposals_in(self.turns)

    @property
    def panel(self) -> tuple[str, ...]:
        """Return the participants that have not been removed."""
        return tuple(name for name in self.rules.participants if not self.is_removed(name))

    @property
    def voters(self) -> tuple[str, ...]:
        """Return who votes: the panel, or the judge alone where the method says so.

        Who is out of service has no vote while it is; what it voted before counts no more.
        """
        voting = self.rules.voting
        panel = (voting.judge,) if voting.method == "judge" else self.rules.participants
        out = self.history.absent
        return tuple(name for name in panel if not self.is_removed(name) and name not in out)

    @property
    def ballot(self) -> Ballot:
        """Return the ballot after the last turn, without a paper if nobody was asked yet."""
        if self.ballots and self.ballots[-1].turns == self.number:
            return self.ballots[-1]
        return Ballot(self.number, {}, ())

    @property
    def is_ballot_closed(self) -> bool:
        """Whether everybody who votes has given a paper that counts."""
        return all(name in self.ballot.papers for name in self.voters)

    @property
    def is_choosing(self) -> bool:
        """Whether somebody was asked since the last turn, other than for a paper."""
        asked = (s for s in self.history.past if s.task["turn"] == self.number)
        return any(not step.path.startswith(VOTE) for step in asked)

    def is_removed(self, name: str) -> bool:
        """Whether a participant failed three times, in turns and votes taken together."""
        return self.strikes(name) >= STRIKES

    def strikes(self, name: str) -> int:
        """Return how often a participant failed or gave an answer that cannot be used."""
        lost = sum(turn.fault is not None and turn.participant == name for turn in self.turns)
        return lost + sum(who == name for b in self.ballots for who, _ in b.faults)

    def has_spoken(self, name: str) -> bool:
        """Whether a participant had a turn and did not lose it."""
        return any(turn.participant == name and turn.kind for turn in self.turns)

    def asked(self, path: str) -> tuple[PastStep, ...]:
        """Return the children at `path` that were asked after the last turn."""
        steps = children(self.history, path)
        return tuple(step for step in steps if step.task["turn"] == self.number)

    def thread(self) -> list[dict[str, Any]]:
        """Return the thread; votes stand in it once their ballot is closed."""
        closed = self.number + self.is_ballot_closed
        ballots = {ballot.turns: ballot for ballot in self.ballots if ballot.turns < closed}
        entries: list[Entry] = []
        for number, turn in enumerate(self.turns, start=1):
            if turn.kind:
                entries.append(turn.entry(len(entries)))
            if number in ballots:
                entries.extend(ballots[number].entries(len(entries)))
        return [entry.as_json() for entry in entries]

    def variables(self) -> dict[str, Any]:
        """Return what the rule and the predicate of the file may read."""
        return {
            **self.history.scope,
            "thread": self.thread(),
            "proposals": self.proposals,
            "participants": list(self.panel),
            "last": self.last,
            "turn": self.number,
            "round": self.round,
        }

    def last_fault(self, name: str) -> Fault | None:
        """Return what was wrong with a participant's latest turn, if anything was."""
        turns = [turn for turn in self.turns if turn.participant == name]
        return turns[-1].fault if turns else None

    def may_say(self) -> dict[str, Any]:
        """Return the JSON Schema of the next speaker's answer."""
        return answer_schema(may_propose=len(self.proposals) < self.rules.voting.max_proposals)

    def ask(
        self,
        path: str,
        name: str,
        answer: Mapping[str, Any],
        error: Fault | None = None,
        *,
        kind: Kind = "turn",
        **more: Any,
    ) -> Ask:
        """Return the question to `name`: the chat as it stands, and the answer's schema.

        `error` tells it what was wrong with its last answer.
        """
        task = {
            "participant": name,
            "turn": self.number,
            "thread": self.thread()[-SHOWN:],
            "proposals": self.proposals,
            **more,
            **({"error": error.as_json()} if error else {}),
            "answer": dict(answer),
        }
        iteration = next_iteration(self.history, path)
        return Ask(path, iteration, agent=name, kind=kind, task=task)


def read_chat(history: History) -> Chat:
    """Return the chat in a history all of whose children have ended."""
    rules = rules_of(history.options)
    limit = rules.voting.max_proposals
    turns = turns_of(children(history, "turn"), max_proposals=limit)
    return Chat(history, rules, turns, ballots_of(history, rules, turns))
