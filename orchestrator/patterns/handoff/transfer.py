"""The baton: who holds the work, and to whom it is on its way. Exactly one agent holds it.

A transfer has two phases. The holder's handoff is checked and becomes an offer; the receiver
takes it by doing its turn, or declines. Until then the holder stays the holder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.patterns.base import Decider, History, Note, PastStep
from orchestrator.patterns.children import Fault, children
from orchestrator.patterns.handoff.envelope import Done, Handed, read_answer
from orchestrator.patterns.handoff.rules import Rules


@dataclass(frozen=True, slots=True)
class Pass:
    """One transfer that was accepted."""

    sender: str
    receiver: str
    envelope: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the pass as a line of the trail."""
        return {"from": self.sender, "to": self.receiver, "reason": self.envelope["reason"]}


@dataclass(frozen=True, slots=True)
class Offer:
    """A transfer nobody has accepted yet. `candidates` are those still to be asked, in order."""

    turn: int
    target: str
    envelope: Mapping[str, Any]
    candidates: Sequence[str]


@dataclass(frozen=True, slots=True)
class Baton:
    """The state of the work between two turns.

    `faults` and `is_returned` are of the present holding, and pass away with it; `news` is what
    the last turn changed.
    """

    holder: str
    passes: tuple[Pass, ...] = ()
    offer: Offer | None = None
    faults: int = 0
    fault: Fault | None = None
    is_returned: bool = False
    is_stranded: bool = False
    is_done: bool = False
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    news: tuple[Note, ...] = ()

    @property
    def trail(self) -> list[dict[str, Any]]:
        """Return every transfer so far, in order."""
        return [step.as_json() for step in self.passes]

    def visits(self, agent: str, start: str) -> int:
        """Return how often `agent` has held the work."""
        return (agent == start) + sum(step.receiver == agent for step in self.passes)


def baton_after(history: History, rules: Rules) -> Baton:
    """Return where the work is once every turn in a history has ended."""
    baton = Baton(rules.start)
    for turn in children(history, "turn"):
        baton = _after(replace(baton, news=()), turn, rules, history.scope)
    return baton


def _after(baton: Baton, turn: PastStep, rules: Rules, scope: Mapping[str, Any]) -> Baton:
    if baton.offer is None:
        return _answered(baton, turn, rules, scope)
    if turn.state != "succeeded" or "decline" in turn.output:
        return _declined(baton, baton.offer, turn)
    return _answered(_passed(baton, baton.offer), turn, rules, scope)


def _answered(baton: Baton, turn: PastStep, rules: Rules, scope: Mapping[str, Any]) -> Baton:
    if turn.state != "succeeded":
        code = turn.error_code or turn.state
        return _refused(baton, Fault(code, "The turn ended without an answer."))
    match read_answer(turn.output, agent=baton.holder, rules=rules, scope=scope):
        case Handed(to, envelope, output):
            candidates = [name for name in rules.candidates(to) if name != baton.holder]
            offer = Offer(turn.iteration, to, envelope, candidates)
            news = _told(baton, "handoff.offered", "model", to=to, reason=envelope["reason"])
            return replace(_left(baton, output), offer=offer, fault=None, news=news)
        case Done(output):
            return replace(_left(baton, output), is_done=True, fault=None)
        case fault:
            return _refused(baton, fault)


def _refused(baton: Baton, fault: Fault) -> Baton:
    news = _told(baton, "handoff.refused", "rule", **fault.as_json())
    return replace(baton, faults=baton.faults + 1, fault=fault, news=news)


def _passed(baton: Baton, offer: Offer) -> Baton:
    receiver = offer.candidates[0]
    step = Pass(baton.holder, receiver, offer.envelope)
    news = _told(baton, "handoff.passed", "model", to=receiver, number=len(baton.passes) + 1)
    passes = (*baton.passes, step)
    return Baton(receiver, passes=passes, outputs=baton.outputs, news=news)


def _declined(baton: Baton, offer: Offer, turn: PastStep) -> Baton:
    receiver, *others = offer.candidates
    reason = _reason(turn)
    decider: Decider = "model" if "decline" in turn.output else "rule"
    news = _told(baton, "handoff.declined", decider, to=receiver, reason=reason)
    if others:
        return replace(baton, offer=replace(offer, candidates=others), news=news)
    fault = Fault("declined", f"Nobody took the work meant for {offer.target}: {reason}")
    void = replace(baton, offer=None, fault=fault, news=news)
    return replace(void, is_returned=True, is_stranded=baton.is_returned)


def _left(baton: Baton, output: Mapping[str, Any]) -> Baton:
    return replace(baton, outputs={**baton.outputs, baton.holder: output})


def _told(baton: Baton, type: str, decider: Decider, **payload: Any) -> tuple[Note, ...]:
    return (*baton.news, Note(type, decider, {"from": baton.holder, **payload}))


def _reason(turn: PastStep) -> str:
    decline = turn.output.get("decline")
    reason = decline.get("reason") if isinstance(decline, Mapping) else decline
    return reason[:400] if isinstance(reason, str) else turn.error_code or turn.state
