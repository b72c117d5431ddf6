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
from orchestrator.patterns.placing import GONE, TURN, was_lost
from orchestrator.patterns.states import FINAL, reason_to_wait
from orchestrator.topologies import papers
from orchestrator.topologies.awards import Arrival, Terms, by_bid, by_votes, refused
from orchestrator.topologies.papers import BID, Rules

_Papers = dict[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Announcement:
    """The announcement of `step` for the `number`th time, as far as the history tells.

    `peers` are asked for bids; those who are `barred` have the work from their own owner.
    """

    step: PlannedStep
    history: History
    rules: Rules
    peers: tuple[str, ...]
    number: int
    barred: tuple[str, ...] = ()

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
    def has_ballot(self) -> bool:
        """Whether peers vote: there is something to choose."""
        return self.rules.award == "vote" and len(self.bids) > 1

    @property
    def is_full(self) -> bool:
        """Whether as many bids came as the file lets count, so that nobody waits for more."""
        return self.rules.max_bids is not None and len(self.bids) >= self.rules.max_bids

    @cached_property
    def arrivals(self) -> tuple[Arrival, ...]:
        """Return every answer that is one, bid or not, whenever it came."""
        found = ((name, self.children.get(f"bid-{name}")) for name in self.peers)
        answered = ((n, child) for n, child in found if child and fault_of(child, BID) is None)
        return tuple(Arrival(name, child.output, child.order) for name, child in answered)

    @cached_property
    def refused(self) -> Mapping[str, str]:
        """Return why answers cannot win, by peer."""
        rules = self.rules
        closed, barred = self._closed("bids-due"), frozenset(self.barred)
        return refused(self.arrivals, Terms(closed, rules.reserve_price, rules.max_bids, barred))

    @cached_property
    def bids(self) -> _Papers:
        """Return the bids that may win."""
        return {one.peer: one.paper for one in self.arrivals if one.peer not in self.refused}

    @property
    def voters(self) -> tuple[str, ...]:
        """Return who votes: the peers that do not bid, or all where everybody does."""
        return tuple(name for name in self.peers if name not in self.bids) or self.peers

    @cached_property
    def ranking(self) -> tuple[str, ...]:
        """Return the bidders in the order in which the work is awarded to them."""
        if self.has_ballot:
            papers = list(self.votes.values())
            return by_votes(self.id, self.bids, papers) if self.has_quorum else ()
        return by_bid(self.id, self.rules.award, self.bids, self.rules.weights)

    @cached_property
    def votes(self) -> _Papers:
        """Return the papers that came in time, by voter."""
        asked = self._call_for_votes()
        return self._papers("vote", self.voters, "votes-due", asked["answer"])

    @property
    def has_quorum(self) -> bool:
        """Whether enough of the voters chose; one that is out of service is no member now."""
        chose = sum("abstain" not in paper for paper in self.votes.values())
        absent = sum(was_lost(self.children[f"vote-{name}"]) for name in self.voters)
        live = len(self.voters) - absent
        return not self.rules.quorum or 0 < chose * 100 >= self.rules.quorum * live

    def waits_for(self, kind: str, names: Iterable[str], timer: str) -> str:
        """Return the state of what is still waited for; nothing once it is over."""
        asked = [
            self.children[path] for name in names if (path := f"{kind}-{name}") in self.children
        ]
        moving = [child for child in asked if child.state not in FINAL | {"escalated"}]
        if not moving or self.children[timer].state in FINAL:
            return ""
        return reason_to_wait(moving)

    def is_gone(self, name: str) -> bool:
        """Whether a bidder took the work after its bid and went out of service before its end."""
        bid = self.children[f"bid-{name}"]
        turns = (turn for turn in self.history.past if turn.path == TURN)
        lost = (turn for turn in turns if was_lost(turn) and turn.order > bid.order)
        return name in {turn.agent for turn in lost}

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
        """Return what every peer answered, and why it does not count if it does not."""
        papers = {one.peer: self._with_reason(one) for one in self.arrivals}
        return {name: papers.get(name) or self._missing(name) for name in self.peers}

    def outcome(self) -> dict[str, Any]:
        """Return what is said of an announcement that came to nothing: all answers, opened."""
        told: dict[str, Any] = {"answers": self.opened()}
        if self.has_ballot and not self.has_quorum:
            votes = {name: dict(paper) for name, paper in self.votes.items()}
            told |= {"votes": votes, "because": "no_quorum"}
        return told

    def why_not(self, name: str) -> str:
        """Say why an award came to nothing."""
        if self.is_gone(name):
            return GONE
        ack = self.children[f"ack-{name}"]
        if ack.state == "succeeded":
            late = self._is_late(ack, f"due-{name}")
            return "late" if late else str(ack.output.get("reason", "declined"))[:400]
        return ack.error_code or "late"

    def _with_reason(self, one: Arrival) -> dict[str, Any]:
        why = self.refused.get(one.peer, "")
        return {**one.paper, **({"refused": why} if why and why != "declined" else {})}

    def _missing(self, name: str) -> dict[str, str]:
        """Say why there is no answer; one that was not waited for any more is not at fault."""
        child = self.children[f"bid-{name}"]
        if child.state in {"failed", "escalated", "timed_out", "skipped", "rejected"}:
            return {"missing": child.error_code or child.state}
        if child.state == "succeeded":
            return {"missing": "invalid_answer"}
        return {"missing": "max_bids" if self.is_full else "late"}

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
        closed = self._closed(timer)
        return closed is not None and closed < child.order

    def _closed(self, timer: str) -> int | None:
        """Return the rank at which time was up, if it was."""
        clock = self.children[timer]
        return clock.order if clock.state == "succeeded" else None

    def _papers_from(
        self, kind: str, names: Iterable[str], task: Mapping[str, Any], timer: str, after: str
    ) -> list[Ask]:
        asks = [Ask(f"{kind}-{n}", self.number, agent=n, kind="bid", task=task) for n in names]
        return [*asks, self._clock(timer, after)]

    def _clock(self, path: str, after: str) -> Ask:
        return Ask(path, self.number, kind="timer", task={"after": after})
