"""A run that spends much faster than others of its workflow is held up, and people are told."""

from uuid import UUID

from django.utils.translation import gettext as _

from audit.services.events import recording
from governance.budgeting.amounts import usd
from governance.budgeting.burning import Rate, is_too_fast, usual
from governance.models import Holding
from governance.selectors.budgets import rates_of, spending_now
from governance.services import alerts, holdings
from orchestrator.services import pausing, runs

MOST_AT_ONCE = 200


def hold_up_fast() -> int:
    """Pause every run that spends too fast, once in its life; return how many there were.

    Too fast is more than three times the median of the workflow's latest runs.
    """
    known: dict[tuple[UUID, str], list[Rate]] = {}
    held_up = 0
    for holding in spending_now()[:MOST_AT_ONCE]:
        key = holding.domain_id, holding.workflow
        if key not in known:
            known[key] = rates_of(*key)
        rate = Rate(holding.micro_usd_spent, _age(holding))
        if is_too_fast(rate, known[key]):
            held_up += _held_up(holding, rate.per_minute, usual(known[key]) or 0)
    return held_up


def _held_up(holding: Holding, rate: int, median: int) -> bool:
    words = {"rate": usd(round(rate, -4)), "usual": usd(round(median, -4))}
    reason = _("It spends %(rate)s USD a minute; %(usual)s are usual for its workflow.") % words
    with recording():
        runs.lock(holding.run_id)
        if not holdings.guard(run_id=holding.run_id, **words):
            return False
        if not pausing.hold_up(run_id=holding.run_id, reason=reason):
            return False
        alerts.tell_run(
            run_id=holding.run_id,
            domain_id=holding.domain_id,
            topic="budget.burning",
            title=_("A run of %(workflow)s was paused. %(reason)s")
            % {"workflow": holding.workflow, "reason": reason},
            key=f"burning:{holding.run_id}",
        )
    return True


def _age(holding: Holding) -> float:
    """Return for how long the run holds its budget, by the database's clock."""
    since, now = holding.opened_at, getattr(holding, "now", None)
    return float((now - since).total_seconds()) if now and since else 0.0
