"""From a goal to a plan that counts: written by the manager, reviewed where the file says so."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from orchestrator.patterns.base import Finish, PastStep
from orchestrator.patterns.children import Fault
from orchestrator.patterns.magentic import briefs
from orchestrator.patterns.magentic.case import Case, Question, Story
from orchestrator.patterns.magentic.endings import escalated
from orchestrator.patterns.magentic.plan_review import (
    is_accepted_unseen,
    is_reviewed,
    refusal_in,
    revision_in,
)
from orchestrator.patterns.magentic.task_ledger import TaskLedger, read_task_ledger

Ledger = TypeVar("Ledger")
Stall = Mapping[str, Any] | None


def planned(case: Case, stall: Stall = None) -> Story[Finish | None]:
    """Have a plan written until one counts; return how the case ends when none does."""
    revise = ""
    while True:
        ledger = yield from _written(case, stall, revise)
        if isinstance(ledger, Fault):
            return escalated(case, ledger)
        _adopt(case, ledger, stall)
        if not is_reviewed(case.rules, ledger.items.values(), replans=case.replans):
            _accept_unseen(case, ledger)
            return None
        answer = yield from _reviewed(case, ledger)
        if isinstance(answer, Fault):
            return escalated(case, answer)
        if not answer:
            return None
        revise = answer


def answered(
    case: Case,
    path: str,
    brief: Callable[[Fault | None], dict[str, Any]],
    read: Callable[[Any], Ledger | Fault],
) -> Story[Ledger | Fault]:
    """Ask the manager for a ledger, and again with what was wrong; at last return the fault.

    Nothing is read into an answer that cannot be used.
    """
    fault: Fault | None = None
    retries = 0
    while True:
        question = Question(path, partial(brief, fault), agent=case.rules.manager)
        [turn] = yield from case.ask(question)
        found = read(turn.output) if turn.state == "succeeded" else _silence(turn)
        if not isinstance(found, Fault) or retries == case.rules.limits.max_ledger_retries:
            return found
        fault, retries = found, retries + 1


def _silence(turn: PastStep) -> Fault:
    return Fault(turn.error_code or turn.state, "The turn ended without a ledger.")


def _written(case: Case, stall: Stall, revise: str) -> Story[TaskLedger | Fault]:
    version = case.ledger.version + 1
    brief = partial(briefs.for_planning, case, stall, revise)
    read = partial(read_task_ledger, rules=case.rules, version=version, stall=stall)
    return (yield from answered(case, "plan", brief, read))


def _adopt(case: Case, ledger: TaskLedger, stall: Stall) -> None:
    case.ledger = ledger
    content = ledger.content
    told = {"version": ledger.version, "digest": ledger.digest, "team": list(ledger.team)}
    type = "ledger.planned" if stall is None else "ledger.replanned"
    case.note(type, "model", **told, items=list(ledger.items), replan=content["replan"])


def _accept_unseen(case: Case, ledger: TaskLedger) -> None:
    items, is_first = ledger.items.values(), case.replans == 0
    if is_accepted_unseen(case.rules, items, is_first=is_first):
        case.approved = dict(ledger.items)


def _reviewed(case: Case, ledger: TaskLedger) -> Story[Fault | str]:
    """Ask people for the plan; return what they want done otherwise, empty when they agree."""
    question = Question("review", partial(briefs.for_review, case), kind="approval")
    [answer] = yield from case.ask(question)
    if refusal := refusal_in(answer):
        return refusal
    revise = revision_in(answer)
    type = "ledger.sent_back" if revise else "ledger.approved"
    case.note(type, "human", version=ledger.version, digest=ledger.digest)
    if not revise:
        case.approved = dict(ledger.items)
        return ""
    case.revisions += 1
    if case.revisions > case.rules.limits.max_plan_revisions:
        return Fault("limit_reached", f"People sent back {case.revisions} plans.")
    return revise
