"""Which plans people see before anything is done, and what their answer means."""

from collections.abc import Iterable

from orchestrator.patterns.base import PastStep
from orchestrator.patterns.children import Fault
from orchestrator.patterns.magentic.rules import Rules
from orchestrator.patterns.magentic.task_ledger import Item

_LONGEST_FEEDBACK = 4000


def is_reviewed(rules: Rules, items: Iterable[Item], *, replans: int) -> bool:
    """Whether people are asked about a plan before it counts."""
    match rules.plan_review:
        case "initial":
            return replans == 0
        case "replan":
            return replans > 0
        case "risk>=high":
            return any(item.is_high_risk for item in items)
        case "never":
            return False
        case _:
            return True


def is_accepted_unseen(rules: Rules, items: Iterable[Item], *, is_first: bool) -> bool:
    """Whether the file lets work be done that people did not see.

    Where they want the first plan only, what comes later has to be within it, item by item.
    """
    if rules.plan_review == "replan":
        return is_first
    unwanted = {"never", "risk>=high"}
    return rules.plan_review in unwanted and not is_reviewed(rules, items, replans=0)


def revision_in(answer: PastStep) -> str:
    """Return what people want done otherwise; empty when they said yes without more."""
    if "revise" not in answer.output:
        return ""
    return str(answer.output["revise"])[:_LONGEST_FEEDBACK] or "Please revise this."


def refusal_in(answer: PastStep) -> Fault | None:
    """Return why an approval is none. A rejection never gets here: it ends the block."""
    if answer.state == "succeeded":
        return None
    return Fault("not_approved", f"Nobody approved {answer.path}: {answer.state}.")
