"""A magentic block as its ledgers: the plan and its items, the criteria, the last judgement."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orchestrator.patterns.base import History
from orchestrator.patterns.magentic.case import Case
from orchestrator.patterns.magentic.criteria import Finding
from orchestrator.patterns.magentic.pattern import case_of
from orchestrator.patterns.magentic.results import latest_by_item
from orchestrator.patterns.states import FINAL
from orchestrator.selectors.blocks import ended

WORK = "item_"
CLAIMS: Mapping[str, str | Promise] = {
    "is_request_satisfied": _("The goal is reached:"),
    "is_progress_being_made": _("There is progress:"),
    "is_in_loop": _("It goes round in circles:"),
    "needs_human": _("A person is needed:"),
}


@dataclass(frozen=True, slots=True)
class ShownItem:
    """One piece of work of the plan, and where it stands as a state of a step."""

    id: str
    agent: str
    goal: str
    risk: str
    needs: Sequence[str]
    state: str
    error: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One of the manager's claims of the last round. It steers the work and proves nothing."""

    words: str | Promise
    answer: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Ledgers:
    """The block between two questions. The pairs are what was used and the limit of it."""

    goal: str
    constraints: Sequence[str]
    version: int
    digest: str
    items: Sequence[ShownItem]
    team: Sequence[tuple[str, str]]
    findings: Sequence[Finding]
    claims: Sequence[Claim]
    rounds: tuple[int, int]
    stalls: tuple[int, int]
    replans: tuple[int, int]


def shown(history: History, names: Mapping[str, str]) -> Ledgers:
    """Return the ledgers with the agents' registered names."""
    case = case_of(ended(history))
    limits = case.rules.limits
    return Ledgers(
        goal=case.rules.goal,
        constraints=case.rules.constraints,
        version=case.ledger.version,
        digest=case.ledger.digest,
        items=list(_items(case, history, names)),
        team=[(names.get(agent, agent), why) for agent, why in case.ledger.team.items()],
        findings=list(case.findings.values()),
        claims=list(_claims(case)),
        rounds=(len(case.rounds), limits.max_rounds),
        stalls=(case.stalls, limits.max_stalls),
        replans=(case.replans, limits.max_replans),
    )


def _items(case: Case, history: History, names: Mapping[str, str]) -> Iterator[ShownItem]:
    latest = latest_by_item(case.results)
    busy = {child.path: child.state for child in history.past if child.state not in FINAL}
    for item in case.ledger.items.values():
        last = latest.get(item.id)
        is_known = last is not None and item.is_work_of(last.item)
        ended_as = last.state if last and is_known else "blocked"
        yield ShownItem(
            id=item.id,
            agent=names.get(item.agent, item.agent),
            goal=item.goal,
            risk=item.risk,
            needs=item.depends_on,
            state=busy.get(f"{WORK}{item.id}", ended_as),
            error=last.error_code if last and is_known else "",
        )


def _claims(case: Case) -> Iterator[Claim]:
    for name, words in CLAIMS.items():
        if case.progress and (claim := case.progress.answer.get(name)):
            yield Claim(words, claim["answer"], str(claim["reason"]))
