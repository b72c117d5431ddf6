"""Success is checked, never believed: by code, by an agent that is no party, or by people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.patterns.base import Decider, PastStep
from orchestrator.patterns.children import fault_of
from orchestrator.patterns.magentic.plan_review import revision_in
from orchestrator.patterns.magentic.results import Result, outputs_by_agent
from orchestrator.patterns.magentic.rules import Criterion
from orchestrator.patterns.magentic.task_ledger import TEXT, TEXTS, closed
from orchestrator.workflow.expressions import ExpressionError, evaluate

ANSWER = closed(["met", "reason"], met={"type": "boolean"}, reason=TEXT, evidence=TEXTS)
DECIDERS: Mapping[str, Decider] = {"cel": "rule", "agent": "model", "human": "human"}


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a criterion was found to hold, by its own check, and why."""

    criterion: Criterion
    met: bool = False
    reason: str = "It has not been checked."

    def as_json(self) -> dict[str, Any]:
        """Return the finding as it is recorded and handed on."""
        about = self.criterion
        told = {"id": about.id, "text": about.text, "check": about.check}
        return {**told, "met": self.met, "reason": self.reason}


def computed(criterion: Criterion, variables: Mapping[str, Any]) -> Finding:
    """Return what an expression says; one that cannot be evaluated does not hold."""
    try:
        value = evaluate(criterion.expression, variables)
    except ExpressionError as error:
        return Finding(criterion, reason=str(error))
    told = "It holds." if value is True else f"It does not hold: {criterion.expression}"
    return Finding(criterion, value is True, told)


def variables_of(scope: Mapping[str, Any], results: Sequence[Result]) -> dict[str, Any]:
    """Return what an expression of a criterion may read."""
    told = [result.as_json() for result in results]
    return {**scope, "outputs": outputs_by_agent(results), "results": told}


def judged(criterion: Criterion, answer: PastStep) -> Finding:
    """Return what an agent or people found; no usable answer means no."""
    return _by_agent(criterion, answer) if criterion.agent else _by_people(criterion, answer)


def _by_agent(criterion: Criterion, answer: PastStep) -> Finding:
    if fault := fault_of(answer, ANSWER):
        return Finding(criterion, reason=f"{criterion.agent} gave no answer: {fault.detail}")
    return Finding(criterion, answer.output["met"] is True, str(answer.output["reason"]))


def _by_people(criterion: Criterion, answer: PastStep) -> Finding:
    if answer.state != "succeeded":
        return Finding(criterion, reason=f"Nobody confirmed it: {answer.state}.")
    if revision := revision_in(answer):
        return Finding(criterion, reason=revision)
    return Finding(criterion, met=True, reason="People confirmed it.")
