"""Checking a claim of success: what code can say first, then agents, and people last of all."""

from collections.abc import Sequence
from functools import partial

from orchestrator.patterns.base import Kind
from orchestrator.patterns.magentic import briefs
from orchestrator.patterns.magentic.case import Case, Question, Story
from orchestrator.patterns.magentic.criteria import (
    DECIDERS,
    Finding,
    computed,
    judged,
    variables_of,
)
from orchestrator.patterns.magentic.rules import Criterion


def verified(case: Case) -> Story[bool]:
    """Check every criterion anew, and stop asking at the first kind of check that says no."""
    criteria = case.rules.criteria
    case.findings = {criterion.id: Finding(criterion) for criterion in criteria}
    for check in DECIDERS:
        if asked := [criterion for criterion in criteria if criterion.check == check]:
            findings = yield from _findings(case, check, asked)
            _keep(case, check, findings)
            if not all(finding.met for finding in findings):
                break
    return all(finding.met for finding in case.findings.values())


def _findings(case: Case, check: str, criteria: Sequence[Criterion]) -> Story[list[Finding]]:
    if check == "cel":
        variables = variables_of(case.scope, case.results)
        return [computed(criterion, variables) for criterion in criteria]
    answers = yield from case.ask(*[_question(case, criterion) for criterion in criteria])
    return [judged(*pair) for pair in zip(criteria, answers, strict=True)]


def _question(case: Case, criterion: Criterion) -> Question:
    brief = partial(briefs.for_checking, case, criterion)
    kind: Kind = "turn" if criterion.agent else "approval"
    return Question(f"check_{criterion.id}", brief, agent=criterion.agent, kind=kind)


def _keep(case: Case, check: str, findings: Sequence[Finding]) -> None:
    case.findings |= {finding.criterion.id: finding for finding in findings}
    told = [finding.as_json() for finding in findings]
    decider = DECIDERS[check]
    case.note("ledger.criteria_checked", decider, round=len(case.rounds), criteria=told)
