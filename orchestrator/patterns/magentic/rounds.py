"""A round: how does it stand, is it true, is it stuck, and who does what next."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from orchestrator.patterns.base import Finish
from orchestrator.patterns.children import Fault
from orchestrator.patterns.magentic import briefs
from orchestrator.patterns.magentic.case import Case, Question, Story
from orchestrator.patterns.magentic.drift import drift_of
from orchestrator.patterns.magentic.endings import escalated, succeeded
from orchestrator.patterns.magentic.plan_review import (
    is_accepted_unseen,
    refusal_in,
    revision_in,
)
from orchestrator.patterns.magentic.planning import answered, planned
from orchestrator.patterns.magentic.progress_ledger import ProgressLedger, read_progress_ledger
from orchestrator.patterns.magentic.results import result_of
from orchestrator.patterns.magentic.stall import Signals, signals_of, stalls_after
from orchestrator.patterns.magentic.task_ledger import Item, TaskLedger
from orchestrator.patterns.magentic.verifying import verified

NEEDS_APPROVAL = "needs_approval"


def round_of(case: Case) -> Story[Finish | None]:
    """Play one round; return how the case ends, if it does."""
    limits = case.rules.limits
    if len(case.rounds) >= limits.max_rounds:
        detail = f"The goal was not reached in {limits.max_rounds} rounds."
        return escalated(case, Fault("limit_reached", detail))
    progress = yield from _judged(case)
    if isinstance(progress, Fault):
        return escalated(case, progress)
    _take(case, progress)
    if progress.question:
        return escalated(case, Fault("needs_human", progress.question))
    if progress.is_satisfied and (yield from verified(case)):
        return succeeded(case)
    if case.stalls >= limits.max_stalls:
        return (yield from _replanned(case, progress))
    return (yield from _dispatched(case, progress))


def _judged(case: Case) -> Story[ProgressLedger | Fault]:
    brief = partial(briefs.for_progress, case)
    read = partial(read_progress_ledger, plan=case.ledger, done=case.done, rules=case.rules)
    return (yield from answered(case, "progress", brief, read))


def _take(case: Case, progress: ProgressLedger) -> None:
    """Begin the round: count whether the last one brought the work on, and take the new plan."""
    case.signals = _signals(case)
    old, case.progress, case.ledger = case.ledger, progress, progress.plan
    stalling = progress.is_stalling
    case.stalls = stalls_after(case.stalls, is_stalling=stalling, signals=case.signals)
    case.rounds.append([])
    case.feedback.clear()
    case.note("ledger.progress", "model", **_told(case, progress))
    if case.ledger is not old:
        _accept_amended(case, old, case.ledger)


def _signals(case: Case) -> Signals:
    """Look at what came of the last round, unless it was admitted that it would bring nothing."""
    last = case.progress
    if last and last.is_stalling and not last.dispatch:
        return Signals()
    return signals_of(case.rounds, since=case.since)


def _told(case: Case, progress: ProgressLedger) -> dict[str, Any]:
    return {
        **progress.answer,
        "round": len(case.rounds),
        "plan_version": case.ledger.version,
        "digest": progress.plan.digest,
        "mechanical": case.signals.as_json(),
        "stall_count": case.stalls,
        "replan_count": case.replans,
    }


def _accept_amended(case: Case, old: TaskLedger, new: TaskLedger) -> None:
    """Let new work be done unseen where the file wants it so; changed work is never new."""
    for item in new.items.values():
        is_new = item.id not in old.items and item.id not in case.approved
        if is_new and is_accepted_unseen(case.rules, [item], is_first=False):
            case.approved[item.id] = item


def _replanned(case: Case, progress: ProgressLedger) -> Story[Finish | None]:
    stalls, limits = case.stalls, case.rules.limits
    if case.replans >= limits.max_replans:
        detail = f"The work stalled again after {case.replans} new plans: {progress.why}"
        return escalated(case, Fault("stalled", detail))
    case.replans, case.stalls, case.since = case.replans + 1, 0, len(case.rounds)
    stall = {"trigger": "stalled", "stall_count": stalls, "mechanical": case.signals.as_json()}
    return (yield from planned(case, stall))


def _dispatched(case: Case, progress: ProgressLedger) -> Story[Finish | None]:
    """Give out the items that may be done as they are, all at once."""
    items = yield from _allowed(case, [progress.plan.items[name] for name in progress.dispatch])
    if isinstance(items, Fault):
        return escalated(case, items)
    if items:
        said = progress.dispatch
        turns = yield from case.ask(*[_work(case, item, said[item.id]) for item in items])
        number, version = len(case.rounds), case.ledger.version
        case.rounds[-1] = [
            result_of(turn, item, round=number, plan_version=version)
            for turn, item in zip(turns, items, strict=True)
        ]
    return None


def _work(case: Case, item: Item, instruction: str) -> Question:
    brief = partial(briefs.for_work, case, item, instruction)
    return Question(f"item_{item.id}", brief, agent=item.agent)


def _allowed(case: Case, items: Sequence[Item]) -> Story[list[Item] | Fault]:
    """Ask people for every item that nobody approved as it is; return those that may be done."""
    why = {item.id: reasons for item in items if (reasons := _doubts(case, item))}
    doubtful = [item for item in items if item.id in why]
    if not doubtful:
        return list(items)
    if drifted := {name: signs for name, signs in why.items() if signs != [NEEDS_APPROVAL]}:
        case.note("ledger.drifted", "rule", plan_version=case.ledger.version, items=drifted)
    answers = yield from case.ask(*[_permission(case, item, why[item.id]) for item in doubtful])
    for item, answer in zip(doubtful, answers, strict=True):
        if refusal := refusal_in(answer):
            return refusal
        if revision := revision_in(answer):
            case.feedback.append(f"{item.id}: {revision}")
        else:
            case.approved[item.id] = item
            case.allowed.add(item)
    allowed = {item.id: item in case.allowed for item in doubtful}
    case.note("ledger.drifted", "human", plan_version=case.ledger.version, allowed=allowed)
    return [item for item in items if allowed.get(item.id, True)]


def _doubts(case: Case, item: Item) -> list[str]:
    if item in case.allowed:
        return []
    drift = drift_of(item, case.approved.get(item.id))
    return [*drift, NEEDS_APPROVAL] if item.needs_approval else drift


def _permission(case: Case, item: Item, why: Sequence[str]) -> Question:
    return Question(
        f"allow_{item.id}", partial(briefs.for_allowing, case, item, why), kind="approval"
    )
