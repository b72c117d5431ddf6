"""The progress ledger: the manager's word on where the work stands, once every round.

Its claims steer the work. None of them is taken for a fact.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.patterns.children import Fault, misfit
from orchestrator.patterns.magentic.rules import Rules
from orchestrator.patterns.magentic.task_ledger import (
    AMENDMENT,
    INVALID,
    NAME,
    TEXT,
    TEXTS,
    TaskLedger,
    amended,
    closed,
)

MAX_AT_ONCE = 8
_CLAIM = closed(["answer", "reason"], answer={"type": "boolean"}, reason=TEXT, evidence=TEXTS)
_DISPATCH = closed(["item", "instruction"], item=NAME, instruction=TEXT)
_CLAIMS = ("is_request_satisfied", "is_in_loop", "is_progress_being_made")

ANSWER = closed(
    [*_CLAIMS, "next"],
    **dict.fromkeys(_CLAIMS, _CLAIM),
    next={"type": "array", "maxItems": MAX_AT_ONCE, "items": _DISPATCH},
    needs_human=_CLAIM,
    expected_evidence=TEXTS,
    amend=AMENDMENT,
)


@dataclass(frozen=True, slots=True)
class ProgressLedger:
    """One round's ledger, and the plan it speaks of, which it may have amended."""

    answer: Mapping[str, Any]
    plan: TaskLedger

    @property
    def is_satisfied(self) -> bool:
        """Whether the manager claims that the goal is reached."""
        return self._claims("is_request_satisfied")

    @property
    def is_stalling(self) -> bool:
        """Whether the manager says that the work goes round in circles or nowhere."""
        return self._claims("is_in_loop") or not self._claims("is_progress_being_made")

    @property
    def question(self) -> str:
        """Return why a person is needed; empty when nobody is."""
        claim = self.answer.get("needs_human", {"answer": False})
        return str(claim["reason"]) if claim["answer"] else ""

    @property
    def why(self) -> str:
        """Return why the manager thinks that there is progress, or none."""
        return str(self.answer["is_progress_being_made"]["reason"])

    @property
    def dispatch(self) -> dict[str, str]:
        """Return what to tell whom next: the instruction by item."""
        return {each["item"]: each["instruction"] for each in self.answer["next"]}

    def _claims(self, name: str) -> bool:
        return self.answer[name]["answer"] is True


def read_progress_ledger(
    answer: Any, *, plan: TaskLedger, done: Collection[str], rules: Rules
) -> ProgressLedger | Fault:
    """Return the ledger in a manager's answer, or the one reason why it cannot be followed."""
    if fault := misfit(answer, ANSWER, INVALID):
        return fault
    changed = amended(plan, answer["amend"], rules=rules) if "amend" in answer else plan
    if isinstance(changed, Fault):
        return changed
    ledger = ProgressLedger(answer, changed)
    return _contradiction(ledger) or _fault_in_dispatch(ledger, done) or ledger


def _contradiction(ledger: ProgressLedger) -> Fault | None:
    if ledger.is_satisfied and ledger.answer["next"]:
        return Fault("satisfied_and_next", "Either the goal is reached or there is more to do.")
    settled = ledger.is_satisfied or ledger.is_stalling or ledger.question
    if not ledger.answer["next"] and not settled:
        return Fault("nothing_next", "Name what to do next, or say that the work is stuck.")
    return None


def _fault_in_dispatch(ledger: ProgressLedger, done: Collection[str]) -> Fault | None:
    named, plan = ledger.dispatch, ledger.plan
    if len(named) < len(ledger.answer["next"]):
        return Fault("duplicate_item", "An item is given out once in a round.")
    if unknown := sorted(set(named) - set(plan.items)):
        return Fault("unknown_item", f"{unknown[0]!r} is not in version {plan.version}.")
    for name in named:
        if both := sorted(plan.leads_to(name) & set(named)):
            return Fault("not_independent", f"{name} has to wait for {both[0]}.")
        if waiting := sorted(set(plan.items[name].depends_on).difference(done)):
            return Fault("dependency_unmet", f"{name} has to wait for {waiting[0]}.")
    return None
