"""What the manager, the team, the judges and people are told when they are asked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.patterns.children import Fault
from orchestrator.patterns.magentic import criteria, progress_ledger, results, task_ledger
from orchestrator.patterns.magentic.case import Case
from orchestrator.patterns.magentic.results import latest_by_item
from orchestrator.patterns.magentic.rules import Criterion
from orchestrator.patterns.magentic.task_ledger import Item


def for_planning(
    case: Case, stall: Mapping[str, Any] | None, revise: str, fault: Fault | None
) -> dict[str, Any]:
    """Tell the manager to write a task ledger, and why another one where there was one."""
    rules, schema = case.rules, task_ledger.ANSWER
    return {
        **_situation(case),
        "constraints": list(rules.constraints),
        "success_criteria": [asdict(criterion) for criterion in rules.criteria],
        "team": {"include": list(rules.included), "candidates": list(rules.candidates)},
        "max_team": rules.limits.max_team,
        **({"stall": dict(stall)} if stall is not None else {}),
        **({"revise": revise} if revise else {}),
        **_error(fault),
        "answer": schema if stall is None else task_ledger.ANSWER_TO_STALL,
    }


def for_review(case: Case) -> dict[str, Any]:
    """Show people the plan; what they approve is the ledger of this digest and no other."""
    return {
        "question": "May the team work by this plan?",
        "digest": case.ledger.digest,
        "plan": case.ledger.as_json(),
        "results": _results(case),
    }


def for_progress(case: Case, fault: Fault | None) -> dict[str, Any]:
    """Tell the manager to judge the work and to say what is next."""
    done = case.done
    return {
        **_situation(case),
        "round": len(case.rounds) + 1,
        "done": done,
        "ready": case.ledger.ready(done),
        "stall_count": case.stalls,
        "feedback": list(case.feedback),
        **_error(fault),
        "answer": progress_ledger.ANSWER,
    }


def for_work(case: Case, item: Item, instruction: str) -> dict[str, Any]:
    """Tell a member what to do, and what the items before it brought."""
    before = {name: result for name, result in _results(case).items() if name in item.depends_on}
    return {
        "goal": case.rules.goal,
        "item": item.as_json(),
        "instruction": instruction,
        "round": len(case.rounds),
        "plan_version": case.ledger.version,
        "results": before,
        "remaining": _remaining(case),
        "answer": results.ANSWER,
    }


def for_allowing(case: Case, item: Item, why: Sequence[str]) -> dict[str, Any]:
    """Show people an item that goes beyond what was approved, beside what was."""
    approved = case.approved.get(item.id)
    return {
        "question": f"May {item.agent} do this?",
        "why": list(why),
        "item": item.as_json(),
        "approved": approved.as_json() if approved else None,
        "plan_version": case.ledger.version,
        "digest": case.ledger.digest,
    }


def for_checking(case: Case, criterion: Criterion) -> dict[str, Any]:
    """Ask a judge or people whether a criterion holds, over everything the team brought."""
    question = {"question": f"Does this hold: {criterion.text}"}
    about = {"goal": case.rules.goal, "criterion": criterion.id, "round": len(case.rounds)}
    answer = {"answer": criteria.ANSWER} if criterion.agent else {}
    return {**question, **about, "results": _results(case), **answer}


def _situation(case: Case) -> dict[str, Any]:
    return {
        "goal": case.rules.goal,
        "plan": case.ledger.as_json(),
        "results": _results(case),
        "criteria": [finding.as_json() for finding in case.findings.values()],
        "remaining": _remaining(case),
    }


def _remaining(case: Case) -> dict[str, int]:
    """Return what is left of the limits, for whoever starts a run within this one."""
    limits = case.rules.limits
    return {
        "rounds": limits.max_rounds - len(case.rounds),
        "replans": limits.max_replans - case.replans,
        "depth": limits.max_depth - 1,
    }


def _results(case: Case) -> dict[str, Any]:
    return {name: last.as_json() for name, last in latest_by_item(case.results).items()}


def _error(fault: Fault | None) -> dict[str, Any]:
    return {"error": fault.as_json()} if fault else {}
