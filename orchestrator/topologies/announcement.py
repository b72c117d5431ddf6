"""One announcement of a piece of work: who was asked, and what stands of their answers.

Its children within the step are `bid-<peer>`, `vote-<peer>`, `ack-<peer>` and the timers
`bids-due`, `votes-due`, `due-<peer>`, all of its iteration. No name in a file has a hyphen, so
no expression and no `context` of one can read a sealed paper.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orchestrator.patterns.base import Ask, History, PastStep, PlannedStep
from orchestrator.patterns.children import fault_of
from orchestrator.patterns.placing import GONE, TURN
from orchestrator.patterns.states import FINAL, reason_to_wait
from orchestrator.topologies import papers
from orchestrator.topologies.awards import by_bid, by_votes
from orchestrator.topologies.papers import BID, Rules

_Papers = dict[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Announcement:
    """The announcement of `step` for the `number`th time, as far as the history tells."""

    step: PlannedStep
    history: History
    rules: Rules
    peers: tuple[str, ...]
    number: int

    @property
    def id(self) -> str:
        """Return its name, which is another one each time the work is announced."""
        return f"{self.step.path}!{self.number}"

    @cached_property
    def children(self) -> Mapping[str, PastStep]:
        """Return what this announcement asked for, by path."""
        every = (child for child in self.history.past if child.path != TURN)
        return {child.path: child for child in every if child.iteration == self.number}

    @property
    def is_made(self) -> bool:
        """Whether the peers have been asked."""
        return bool(self.children)

    @property
    def gone(self) -> frozenset[str]:
        """Return who had taken the work and went out of service."""
        return frozenset(turn.agent for turn in self.history.past if turn.path == TURN)

    @property
    def has_ballot(self) -> bool:
        """Whether peers vote: there is something to choose."""
        return self.rules.award == "vote" and len(self.bids) > 1

    @cached_property
    def answers(self) -> _Papers:
        """Return every answer that came in time, bid or not, by peer."""
        return self._papers("bid", self.peers, "bids-due", BID)

    @cached_property
    def bids(self) -> _Papers:
        """Return the bids that may win."""
        most = self.rules.reserve_price
        bids = {name: bid for name, bid in self.answers.items() if "decline" not in bid}
        return {n: b for n, b in bids.items() if most is None or b["price_micro_usd"] <= most}

    @property
    def voters(self) -> tuple[str, ...]:
        """Return who votes: the peers that do not bid, or all where everybody does."""
        return tuple(name for name in self.peers if name not in self.bids) or self.peers

    @cached_property
    def ranking(self) -> tuple[str, ...]:
        """Return the bidders in the order in which the work is awarded to them."""
        if self.has_ballot:
            return by_votes(self.id, self.bids, list(self.votes.values()))
        return by_bid(self.id, self.rules.award, self.bids, self.rules.weights)

    @cached_property
    def votes(self) -> _Papers:
        """Return the papers that came in time, by voter."""
        asked = self._call_for_votes()
        return self._papers("vote", self.voters, "votes-due", asked["answer"])

    def waits_for(self, kind: str, names: Iterable[str], timer: str) -> str:
        """Return the state of what is still waited for; nothing once it is over."""
        asked = [
            self.children[path] for name in names if (path := f"{kind}-{name}") in self.children
        ]
        moving = [child for child in asked if child.state not in FINAL | {"escalated"}]
        if not moving or self.children[timer].state in FINAL:
            return ""
        return reason_to_wait(moving)

    def was_asked(self, name: str) -> bool:
        """Whether a bidder was asked to acknowledge an award."""
        return f"ack-{name}" in self.children

    def has_accepted(self, name: str) -> bool:
        """Whether the winner took the work in time."""
        schema = papers.ACKNOWLEDGEMENT
        accepted = self._papers("ack", [name], f"due-{name}", schema)
        return bool(accepted.get(name, {}).get("accept"))

    def call_for_bids(self) -> list[Ask]:
        """Return the questions to all peers, and the clock that ends bidding."""
        task = papers.call_for_bids(self.id, self.rules, self.step.options)
        return self._papers_from("bid", self.peers, task, "bids-due", self.rules.bid_deadline)

    def call_for_votes(self) -> list[Ask]:
        """Return the ballot papers, and the clock that ends voting."""
        task = self._call_for_votes()
        return self._papers_from("vote", self.voters, task, "votes-due", self.rules.bid_deadline)

    def question_to(self, name: str) -> list[Ask]:
        """Return what the winner has to acknowledge, and the clock for that."""
        task = papers.question_to_winner(self.id, self.bids[name], self.step.options)
        ack = Ask(f"ack-{name}", self.number, agent=name, kind="ack", task=task)
        return [ack, self._clock(f"due-{name}", self.rules.ack_timeout)]

    def opened(self) -> dict[str, Any]:
        """Return what every peer answered, or why nothing of it counts."""
        return {name: dict(self.answers.get(name) or self._missing(name)) for name in self.peers}

    def why_not(self, name: str) -> str:
        """Say why an award came to nothing."""
        if name in self.gone:
            return GONE
        ack = self.children[f"ack-{name}"]
        if ack.state == "succeeded":
            late = self._is_late(ack, f"due-{name}")
            return "late" if late else str(ack.output.get("reason", "declined"))[:400]
        return ack.error_code or "late"

    def _missing(self, name: str) -> dict[str, str]:
        child = self.children[f"bid-{name}"]
        return {"missing": child.error_code or "late"}

    def _call_for_votes(self) -> dict[str, Any]:
        return papers.call_for_votes(self.id, self.bids)

    def _papers(
        self, kind: str, names: Iterable[str], timer: str, schema: Mapping[str, Any]
    ) -> _Papers:
        """Return the usable answers that came before the clock ran out."""
        found = ((name, self.children.get(f"{kind}-{name}")) for name in names)
        return {
            name: child.output
            for name, child in found
            if child and fault_of(child, schema) is None and not self._is_late(child, timer)
        }

    def _is_late(self, child: PastStep, timer: str) -> bool:
        clock = self.children[timer]
        return clock.state == "succeeded" and clock.order < child.order

    def _papers_from(
        self, kind: str, names: Iterable[str], task: Mapping[str, Any], timer: str, after: str
    ) -> list[Ask]:
        asks = [Ask(f"{kind}-{n}", self.number, agent=n, kind="bid", task=task) for n in names]
        return [*asks, self._clock(timer, after)]

    def _clock(self, path: str, after: str) -> Ask:
        return Ask(path, self.number, kind="timer", task={"after": after})
