"""A handoff as its trail: who held the work, to whom it went and why, and who holds it now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.patterns.base import History
from orchestrator.patterns.handoff.rules import rules_of
from orchestrator.patterns.handoff.transfer import baton_after
from orchestrator.selectors.blocks import ended


@dataclass(frozen=True, slots=True)
class Held:
    """One holding of the work. `reason` is what the holder before said when handing it on."""

    agent: str
    reason: str
    task: str
    open_questions: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Trail:
    """The holdings in order. `offered_to` has not taken the work yet; `fault` was refused last."""

    held: Sequence[Held]
    offered_to: str
    is_done: bool
    fault: str
    handoffs: int
    max_handoffs: int


def shown(history: History, names: Mapping[str, str]) -> Trail:
    """Return the trail with the agents' registered names."""
    rules = rules_of(history.options)
    baton = baton_after(ended(history), rules)
    held = [Held(names.get(rules.start, rules.start), "", "")]
    for one in baton.passes:
        envelope = one.envelope
        questions = [str(text) for text in envelope.get("open_questions", ())]
        task = str(envelope.get("task", ""))
        receiver = names.get(one.receiver, one.receiver)
        held.append(Held(receiver, str(envelope["reason"]), task, questions))
    offered = baton.offer.candidates[0] if baton.offer else ""
    return Trail(
        held=held,
        offered_to=names.get(offered, offered),
        is_done=baton.is_done,
        fault=baton.fault.detail if baton.fault else "",
        handoffs=len(baton.passes),
        max_handoffs=rules.max_handoffs,
    )
