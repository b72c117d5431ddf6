"""One agent holds the work at a time and hands it on along declared edges (engine.md 3.4)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.patterns.base import Ask, Finish, History, Move, Start
from orchestrator.patterns.children import Fault, children, interruption, next_iteration
from orchestrator.patterns.handoff.envelope import answer_schema
from orchestrator.patterns.handoff.limits import limit_of_holding, limit_of_passing
from orchestrator.patterns.handoff.rules import Rules, rules_of
from orchestrator.patterns.handoff.transfer import Baton, Offer, baton_after


class Handoff:
    """Lets the holder work, checks whom it hands over to, and lets that one accept or decline.

    The work ends well only with an agent that may finish it; every limit ends with a person.
    """

    name = "handoff"
    judges_answers = True

    def decide(self, history: History) -> Move:
        """Return what happens next; equal histories give equal moves."""
        return interruption(history) or _next(history, rules_of(history.options))


def _next(history: History, rules: Rules) -> Move:
    baton = baton_after(history, rules)
    if baton.is_done:
        return _finished(baton)
    if fault := limit_of_holding(baton):
        return _escalated(baton, fault)
    if baton.offer is None:
        return _turn(history, rules, baton, baton.holder)
    return _offered(history, rules, baton, baton.offer)


def _offered(history: History, rules: Rules, baton: Baton, offer: Offer) -> Move:
    receiver = offer.candidates[0]
    if fault := limit_of_passing(baton, receiver, rules):
        return _escalated(baton, fault)
    if (baton.holder, offer.target) not in rules.gates:
        return _turn(history, rules, baton, receiver)
    approvals = [s for s in children(history, "approval") if s.task["turn"] == offer.turn]
    if not approvals:
        return _approval(history, rules, baton, offer)
    if approvals[0].state == "succeeded":
        return _turn(history, rules, _told_at_gate(history, baton, offer), receiver)
    return _escalated(baton, Fault("not_approved", f"Nobody let the work go on to {receiver}."))


def _told_at_gate(history: History, baton: Baton, offer: Offer) -> Baton:
    """Return the baton without the news that went with the question to people."""
    is_first = next_iteration(history, "turn") == offer.turn + 1
    return replace(baton, news=()) if is_first else baton


def _approval(history: History, rules: Rules, baton: Baton, offer: Offer) -> Start:
    task = {
        "turn": offer.turn,
        "question": rules.gates[baton.holder, offer.target],
        "from": baton.holder,
        "to": offer.target,
        "alternates": list(offer.candidates[1:]),
        "handoff": dict(offer.envelope),
    }
    iteration = next_iteration(history, "approval")
    return Start([Ask("approval", iteration, kind="approval", task=task)], notes=baton.news)


def _turn(history: History, rules: Rules, baton: Baton, agent: str) -> Start:
    """Give `agent` a turn: to go on with the work it holds, or to take what it is offered."""
    number = next_iteration(history, "turn")
    task = {
        "turn": number,
        "holder": baton.holder,
        "offered": baton.offer is not None,
        "handoff": dict(_envelope(baton)),
        "trail": baton.trail,
        "answer": answer_schema(rules, agent, is_offer=baton.offer is not None),
    }
    error = {"error": baton.fault.as_json()} if baton.fault else {}
    return Start([Ask("turn", number, agent=agent, task={**task, **error})], notes=baton.news)


def _envelope(baton: Baton) -> Mapping[str, Any]:
    """Return what the work came with: the offer, or the last transfer to the holder."""
    if baton.offer:
        return baton.offer.envelope
    return baton.passes[-1].envelope if baton.passes else {}


def _finished(baton: Baton) -> Finish:
    return Finish("succeeded", output=_output(baton), notes=baton.news)


def _escalated(baton: Baton, fault: Fault) -> Finish:
    return Finish(
        "escalated",
        error_code=fault.code,
        detail=fault.detail,
        output=_output(baton),
        notes=baton.news,
    )


def _output(baton: Baton) -> dict[str, Any]:
    return {
        "holder": baton.holder,
        "result": dict(baton.outputs.get(baton.holder, {})),
        "outputs": {agent: dict(output) for agent, output in baton.outputs.items()},
        "trail": baton.trail,
    }
