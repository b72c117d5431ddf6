"""How a case ends, and what it hands on: criteria, plan_version, rounds, results."""

from typing import Any

from orchestrator.patterns.base import Finish
from orchestrator.patterns.children import Fault
from orchestrator.patterns.magentic.case import Case
from orchestrator.patterns.magentic.results import latest_by_item


def succeeded(case: Case) -> Finish:
    """End well: every criterion was found to hold, each by its own check."""
    return Finish("succeeded", output=_output(case), notes=case.told())


def escalated(case: Case, fault: Fault) -> Finish:
    """Hand the case to a person, with the last ledgers and three ways to go on."""
    return Finish(
        "escalated",
        error_code=fault.code,
        detail=fault.detail,
        output={**_output(case), **_ledgers(case), "options": _options(case)},
        notes=case.told(),
    )


def _output(case: Case) -> dict[str, Any]:
    latest = latest_by_item(case.results)
    return {
        "criteria": [finding.as_json() for finding in case.findings.values()],
        "plan_version": case.ledger.version,
        "rounds": len(case.rounds),
        "results": {name: result.as_json() for name, result in latest.items()},
    }


def _ledgers(case: Case) -> dict[str, Any]:
    progress = dict(case.progress.answer) if case.progress else {}
    counted = {"stall_count": case.stalls, "replan_count": case.replans}
    return {
        "plan": case.ledger.as_json(),
        "ledger": {**progress, **counted, "mechanical": case.signals.as_json()},
    }


def _options(case: Case) -> list[dict[str, Any]]:
    """Return what a person may do: give another plan, ask for less, or stop and undo."""
    done = set(case.done)
    left = [item for item in case.ledger.items if item not in done]
    unmet = [name for name, finding in case.findings.items() if not finding.met]
    undoable = {r.item.id: r.item.compensation for r in case.results if r.item.compensation}
    return [
        {"verb": "amend_plan", "text": "Change what is left of the plan.", "items": left},
        {"verb": "narrow_task", "text": "Do without some criteria.", "criteria": unmet},
        {"verb": "roll_back", "text": "Stop, and undo what was done.", "undo": undoable},
    ]
