"""Budgets as people read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.db.models.lookups import GreaterThanOrEqual
from django.utils.translation import gettext as _

from governance.budgeting.amounts import UNITS, usd
from governance.budgeting.burning import LEAST_SECONDS, Rate
from governance.models import ALERTS, Budget, Charge, Domain, Holding, HoldingState, Unit
from governance.selectors.accounts import counted

LATEST_CHARGES = 5
MOST_TOLD = max(ALERTS) + 1
LATEST_RUNS = 20
MOST_WAITING = 50
LEAST_TIME = timedelta(seconds=LEAST_SECONDS)


@dataclass(frozen=True, slots=True)
class Bar:
    """One unit of a budget with its words and shares, the shares in percent of the cap.

    `spent` has a unit of its own only where there is no cap that has one.
    """

    unit: str
    label: str
    cap: str
    spent: str
    held: str
    left: str
    spent_share: int
    held_share: int
    is_overrun: bool


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A budget of a domain as its page lists it, with what it was charged last.

    `told_at` is the share at which people were told last, 0 for none, `told_next` the next one.
    """

    id: int
    name: str
    scope: str
    scope_id: str
    window: str
    cap: int
    bar: Bar
    told_at: int
    told_next: int | None
    charges: Sequence["ChargeRow"]


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """What one run of a workflow was charged."""

    run_id: UUID
    workflow: str
    amount: str
    is_verified: bool
    charged_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """A run that waits for budget, and what it asks for. `priority` 0 is served first."""

    run_id: UUID
    workflow: str
    asks: Sequence[str]
    priority: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class HoldingView:
    """What one run may use and has used. `reserve` is kept for undoing, empty for nothing."""

    state: str
    label: str
    bars: Sequence[Bar]
    reserve: str
    waiting_since: datetime | None


def words_of(unit: str, amount: int) -> str:
    """Return an amount with its unit, for people."""
    match unit:
        case Unit.MICRO_USD:
            return _("%(amount)s USD") % {"amount": usd(amount)}
        case Unit.TOKENS:
            return _("%(amount)s tokens") % {"amount": f"{amount:,}"}
        case Unit.TOOL_CALLS:
            return _("%(amount)s tool calls") % {"amount": f"{amount:,}"}
        case _seconds:
            return _("%(amount)s s of compute") % {"amount": f"{amount:,}"}


def _number(unit: str, amount: int) -> str:
    """Return an amount without its unit, for where the cap beside it has one."""
    return usd(amount) if unit == Unit.MICRO_USD else f"{amount:,}"


def share_of(used: int, cap: int) -> int:
    """Return how much of the cap that is, in whole percent rounded down."""
    return used * 100 // cap if cap else 100


def name_of(budget: Budget) -> str:
    """Return what people call the budget; the domain is loaded with it."""
    return f"{budget.get_scope_display()} {budget.scope_id or budget.domain.name}"


def rows_of(domain: Domain) -> list[Budget]:
    """Return the domain's budgets as they stand."""
    return list(counted().filter(domain=domain).order_by("scope_id", "unit", "window"))


def budgets_of(domain: Domain) -> list[BudgetRow]:
    """Return the domain's budgets, the widest first, each with its latest charges."""
    found = counted().filter(domain=domain).select_related("domain")
    rows = list(found.order_by("scope_id", "unit", "window"))
    latest: dict[int, list[ChargeRow]] = {row.pk: [] for row in rows}
    charges = _latest_charges(rows)
    names = _workflows_of(charges)
    for charge in charges:
        if len(latest[charge.budget_id]) < LATEST_CHARGES:
            said = words_of(charge.budget.unit, charge.amount)
            name = names.get(charge.run_id, "")
            shown = ChargeRow(charge.run_id, name, said, charge.is_verified, charge.created_at)
            latest[charge.budget_id].append(shown)
    return [_row(budget, latest[budget.pk]) for budget in rows]


def waiting_in(domain: Domain) -> list[WaitingRun]:
    """Return the runs of the domain that wait for budget, the longest wait first."""
    waiting = Holding.objects.filter(domain=domain, waiting_since__isnull=False)
    return [
        WaitingRun(
            holding.run_id,
            holding.workflow,
            _asks(holding),
            holding.priority,
            holding.waiting_since,
        )
        for holding in waiting.order_by("waiting_since", "pk")[:MOST_WAITING]
    ]


def holding_of(run_id: UUID) -> HoldingView | None:
    """Return what a run may use; None for one that never asked."""
    holding = Holding.objects.filter(pk=run_id).first()
    if holding is None:
        return None
    bars = [_bar_of(holding, unit) for unit in UNITS if _is_told(holding, unit)]
    return HoldingView(
        holding.state,
        holding.get_state_display(),
        bars,
        words_of(Unit.MICRO_USD, holding.reserve) if holding.reserve else "",
        holding.waiting_since,
    )


def budgets_to_tell() -> QuerySet[Budget]:
    """Return the budgets of which people are to be told how much is used."""
    due = counted().filter(_reaches("used", "cap"), Q(used__gt=0))
    return due.select_related("domain").order_by("pk")


def holdings_to_tell() -> QuerySet[Holding]:
    """Return the holdings of runs that have not ended of which people are to be told."""
    due = Q()
    for unit in UNITS:
        spent = f"{unit}_spent"
        due |= Q(_reaches(spent, f"{unit}_cap"), **{f"{spent}__gt": 0})
    return Holding.objects.filter(due).exclude(state="closed").order_by("pk")


def spending_now() -> QuerySet[Holding]:
    """Return the holdings of runs under way that nobody has looked at for spending too fast."""
    going = Holding.objects.filter(state=HoldingState.HELD, guarded_at=None)
    old_enough = going.filter(opened_at__lte=Now() - LEAST_TIME, micro_usd_spent__gt=0)
    return old_enough.annotate(now=Now()).order_by("pk")


def rates_of(domain_id: UUID, workflow: str) -> list[Rate]:
    """Return how fast the latest runs of a workflow spent that have ended."""
    ended = Holding.objects.filter(domain_id=domain_id, workflow=workflow, micro_usd_spent__gt=0)
    known = ended.filter(closed_at__isnull=False, opened_at__isnull=False)
    columns = ("micro_usd_spent", "opened_at", "closed_at")
    latest = known.order_by("-closed_at").values_list(*columns)[:LATEST_RUNS]
    return [Rate(spent, (to - since).total_seconds()) for spent, since, to in latest]


def share_used(holding: Holding) -> tuple[int, str]:
    """Return the largest share of a cap that the run has used, in percent, and of which unit."""
    shares = [
        (share_of(getattr(holding, f"{unit}_spent"), cap), unit)
        for unit in UNITS
        if (cap := getattr(holding, f"{unit}_cap")) is not None
    ]
    return max(shares, default=(0, ""))


def _reaches(spent: str, cap: str) -> GreaterThanOrEqual:
    return GreaterThanOrEqual(F(spent) * 100, F(cap) * F("next_alert"))


def _latest_charges(rows: Sequence[Budget]) -> list[Charge]:
    mine = Charge.objects.filter(budget__in=rows).select_related("budget")
    return list(mine.order_by("-pk")[: LATEST_CHARGES * 40])


def _workflows_of(charges: Sequence[Charge]) -> dict[UUID, str]:
    runs = {charge.run_id for charge in charges}
    return dict(Holding.objects.filter(pk__in=runs).values_list("pk", "workflow"))


def _asks(holding: Holding) -> list[str]:
    caps = ((unit, getattr(holding, f"{unit}_cap")) for unit in UNITS)
    return [words_of(unit, cap) for unit, cap in caps if cap is not None]


def _row(budget: Any, charges: Sequence[ChargeRow]) -> BudgetRow:
    figures = (budget.cap, budget.kept, budget.used, budget.overrun)
    return BudgetRow(
        id=budget.pk,
        name=name_of(budget),
        scope=budget.scope,
        scope_id=budget.scope_id,
        window=budget.get_window_display(),
        cap=budget.cap,
        bar=bar_of(budget.unit, *figures),
        told_at=max((a for a in ALERTS if a < (budget.next_alert or MOST_TOLD)), default=0),
        told_next=budget.next_alert,
        charges=charges,
    )


def _is_told(holding: Holding, unit: str) -> bool:
    return getattr(holding, f"{unit}_cap") is not None or bool(getattr(holding, f"{unit}_spent"))


def _bar_of(holding: Holding, unit: str) -> Bar:
    figures = (getattr(holding, f"{unit}_{what}") for what in ("cap", "held", "spent", "overrun"))
    return bar_of(unit, *figures)


def bar_of(unit: str, cap: int | None, held: int, spent: int, overrun: int) -> Bar:
    """Return what was used of a cap with its words; no cap limits nothing."""
    spent_share = min(100, share_of(spent, cap)) if cap is not None else 0
    held_share = min(100 - spent_share, share_of(held, cap)) if cap is not None else 0
    return Bar(
        unit=unit,
        label=Unit(unit).label,
        cap=words_of(unit, cap) if cap is not None else _("no limit"),
        spent=words_of(unit, spent) if cap is None else _number(unit, spent),
        held=words_of(unit, held),
        left=words_of(unit, max(0, cap - held - spent)) if cap is not None else "",
        spent_share=spent_share,
        held_share=held_share,
        is_overrun=overrun > 0,
    )
