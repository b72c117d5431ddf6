"""What a run may use: held through all levels when it is admitted, drawn by its steps, settled.

Every function joins the caller's `recording()`. A draw is one conditional update of one row, and
so is settling it; only where an agent or a model has a budget of its own is there more to do.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest, Now

from audit import statements
from audit.services.events import record
from audit.types import Actor, StreamKey
from governance.budgeting.amounts import MOST, UNITS, Amounts, without_zeros
from governance.budgeting.answers import Answer, Exhausted, Held, Wait
from governance.budgeting.levels import Level
from governance.budgeting.queueing import Waiter, next_to_go
from governance.models import Budget, BudgetScope, Holding, HoldingState
from governance.selectors.clock import database_now
from governance.services import reservations

BUDGETS = Actor.system("budgets")
_LIMITLESS = MOST * 1000
# No agent or model has a budget of its own: what `_finer` says, in the statement of every turn.
_NOTHING_FINER = (
    "NOT EXISTS (SELECT 1 FROM governance_budget b WHERE b.domain_id = %s AND"
    " ((b.scope = 'agent' AND b.scope_id = %s) OR (b.scope = 'model' AND b.scope_id = %s)))"
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a file lets one run of it use. `levels` are the budgets above, as `scope:id`."""

    workflow: str
    caps: Amounts
    reserve: int = 0
    priority: int = 5
    levels: Sequence[str] = ()
    alerts: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Draw:
    """What an attempt of a step asks for. A guess takes what is left, if that is less."""

    run_id: UUID
    domain_id: UUID
    step_id: UUID
    epoch: int
    needs: Amounts
    guessed: frozenset[str] = field(default_factory=frozenset)
    agent: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """What an attempt of a step held, and what it used of that or beyond it."""

    step_id: UUID
    epoch: int
    held: Held
    used: Amounts
    is_verified: bool = True


def open_for(*, run_id: UUID, domain_id: UUID, grant: Grant) -> Answer:
    """Give a new run its holding and admit it, if what it needs fits on every level above.

    One that has to wait is in the queue from now on.
    """
    alerts = sorted(grant.alerts)
    Holding.objects.create(
        run_id=run_id,
        domain_id=domain_id,
        workflow=grant.workflow,
        priority=grant.priority,
        levels=list(grant.levels),
        reserve=grant.reserve,
        alerts=alerts,
        next_alert=next(iter(alerts), None),
        **{f"{unit}_cap": cap for unit, cap in grant.caps.items()},
    )
    return admit(run_id=run_id)


def admit(*, run_id: UUID) -> Answer:
    """Let a run that waits, or gave its part back, hold what it needs; it keeps its turn.

    Nobody overtakes who waits for the same budget. Does nothing for a run that holds its part.
    """
    holding = Holding.objects.select_for_update().get(pk=run_id)
    if holding.state not in (HoldingState.WAITING, HoldingState.LENT):
        return Held()
    budgets = _above(holding)
    answer = _unlimited(budgets, _target(holding).keys())
    if answer is None:
        answer = _taken(holding, budgets) if budgets else Held()
    if isinstance(answer, Held):
        _held(holding, answer)
    elif holding.waiting_since is None:
        Holding.objects.filter(pk=run_id, waiting_since=None).update(waiting_since=Now())
        said = {"unit": answer.unit, "budget": answer.where, "left": answer.left}
        _tell(holding, "budget.awaited", need=answer.need, **said)
    return answer


def hold_more(*, run_id: UUID) -> Answer:
    """Let the budgets above hold what a run may use by now, after it was allowed more."""
    holding = Holding.objects.get(pk=run_id)
    if holding.state != HoldingState.HELD:
        return Held()
    used = spent_of(holding)
    return reservations.retarget(run_id=run_id, to=_target(holding), used=used)


def next_waiting(*, limit: int = 200) -> list[UUID]:
    """Return the runs that would be admitted now, those of each domain in their order."""
    queued = Holding.objects.filter(waiting_since__isnull=False).order_by("waiting_since")
    by_domain: dict[UUID, list[Holding]] = {}
    for holding in queued[:limit]:
        by_domain.setdefault(holding.domain_id, []).append(holding)
    return [run_id for waiting in by_domain.values() for run_id in _next_of(waiting)]


def leave_queue(*, run_id: UUID) -> None:
    """Let a run that cannot go on for other reasons stand in nobody's way."""
    Holding.objects.filter(pk=run_id).update(waiting_since=None)


def draw(ask: Draw) -> Answer:
    """Hold for an attempt what it may use, of the run's holding and of its agent and model."""
    if draw_together([ask]):
        return Held(ask.needs)
    with transaction.atomic():
        answer = _draw_slowly(ask)
        if not isinstance(answer, Held):
            transaction.set_rollback(True)
    return answer


def draw_together(asks: Sequence[Draw]) -> bool:
    """Hold for attempts of one run at once what all of them may use, if that simply fits.

    Otherwise nothing changes, and each has to be drawn for by itself.
    """
    units = {unit for ask in asks for unit in ask.needs}
    if not units:
        return True
    needs = {unit: sum(ask.needs.get(unit, 0) for ask in asks) for unit in sorted(units)}
    of_whom = sorted({(ask.agent, ask.model) for ask in asks})
    domain = statements.plain(Budget, "domain", asks[0].domain_id)
    given = [value for agent, model in of_whom for value in (domain, agent, model)]
    fits = " AND ".join([*[_NOTHING_FINER] * len(of_whom), *map(_fits, needs)])
    mine = {"pk": asks[0].run_id, "state": HoldingState.HELD}
    more = [*given, *needs.values()]
    return bool(statements.changed(Holding, mine, _more_held(needs), fits, more))


def settle(
    *,
    run_id: UUID,
    step_id: UUID,
    epoch: int,
    held: Held,
    used: Amounts,
    is_verified: bool = True,
) -> None:
    """Charge what an attempt used and let go what it held, however much more or less that is."""
    settle_all(run_id=run_id, uses=[Use(step_id, epoch, held, used, is_verified)])


def settle_all(*, run_id: UUID, uses: Sequence[Use]) -> None:
    """Charge what attempts of one run used, and let go what they held, with one update."""
    changes: dict[str, Any] = {}
    for unit in UNITS:
        freed = sum(use.held.amounts.get(unit, 0) for use in uses)
        spent = sum(use.used.get(unit, 0) for use in uses)
        if freed or spent:
            changes |= _settled(unit, freed, spent)
    if changes:
        statements.changed(Holding, {"pk": run_id}, changes)
    for use in uses:
        if use.held.finer:
            reservations.settle(
                step_id=use.step_id, epoch=use.epoch, used=use.used, is_verified=use.is_verified
            )


def lend(*, run_id: UUID) -> bool:
    """Give back what a run holds above while nothing of it goes on; the reserve for undoing stays.

    Returns whether there was anything: a run with no budget above it has nothing to give back.
    """
    if not reservations.held_for([run_id])[run_id]:
        return False
    holding = Holding.objects.select_for_update().get(pk=run_id)
    if holding.state != HoldingState.HELD:
        return False
    kept = without_zeros({unit: getattr(holding, f"{unit}_held") for unit in UNITS})
    kept["micro_usd"] = kept.get("micro_usd", 0) + holding.reserve
    reservations.retarget(run_id=run_id, to=kept, used=spent_of(holding))
    Holding.objects.filter(pk=run_id, state=HoldingState.HELD).update(state=HoldingState.LENT)
    _tell(holding, "budget.lent", kept=kept)
    return True


def close(*, run_id: UUID) -> bool:
    """Settle a run that has ended with the budgets above it, and say whether that was done now.

    It waits for attempts whose use is not known yet.
    """
    open_one = Holding.objects.filter(pk=run_id).exclude(state=HoldingState.CLOSED)
    nothing_held = {f"{unit}_held": 0 for unit in UNITS}
    closed = open_one.filter(**nothing_held).update(
        state=HoldingState.CLOSED, closed_at=Now(), waiting_since=None
    )
    if not closed:
        return False
    holding = Holding.objects.get(pk=run_id)
    used = spent_of(holding)
    if reservations.close(run_id=run_id, used=used) or any(used.values()):
        _tell(holding, "budget.settled", used=without_zeros(used))
    return True


def guard(*, run_id: UUID, rate: str, usual: str) -> bool:
    """Note that a run spends too fast, once in its life; return whether that is news."""
    unguarded = Holding.objects.filter(pk=run_id, guarded_at=None)
    if not unguarded.update(guarded_at=Now()):
        return False
    _tell(Holding.objects.get(pk=run_id), "budget.burning", rate=rate, usual=usual)
    return True


def spent_of(holding: Holding) -> dict[str, int]:
    """Return what the run has used so far, of every unit."""
    return {unit: getattr(holding, f"{unit}_spent") for unit in UNITS}


def level_of(holding: Holding, unit: str) -> Level:
    """Return one unit of the holding as arithmetic."""
    cap = getattr(holding, f"{unit}_cap")
    held, spent, overrun = (
        getattr(holding, f"{unit}_{what}") for what in ("held", "spent", "overrun")
    )
    return Level(_LIMITLESS if cap is None else cap, held, spent, overrun)


def _above(holding: Holding) -> list[Budget]:
    return reservations.budgets_at(domain_id=holding.domain_id, levels=holding.levels, units=UNITS)


def _unlimited(budgets: Sequence[Budget], limited: Collection[str]) -> Answer | None:
    """Refuse who does not say how much they use of a unit that a budget above them limits."""
    found = next((budget for budget in budgets if budget.unit not in limited), None)
    if found is None:
        return None
    return Exhausted(found.unit, str(found), 0, reservations.level_of(found).left)


def _target(holding: Holding) -> dict[str, int]:
    """Return what the budgets above have to hold: what the run may still use, and its reserve."""
    caps = {unit: getattr(holding, f"{unit}_cap") for unit in UNITS}
    spent = spent_of(holding)
    target = {unit: max(0, cap - spent[unit]) for unit, cap in caps.items() if cap is not None}
    target["micro_usd"] = target.get("micro_usd", 0) + holding.reserve
    return target


def _taken(holding: Holding, budgets: Sequence[Budget]) -> Answer:
    queue = list(_queue_of(holding))
    if queue and holding.run_id not in _next_of([holding, *queue]):
        return _behind(holding, budgets)
    if holding.state == HoldingState.LENT:
        used = spent_of(holding)
        return reservations.retarget(run_id=holding.run_id, to=_target(holding), used=used)
    return reservations.reserve(budgets=budgets, needs=_target(holding), run_id=holding.run_id)


def _queue_of(holding: Holding) -> Any:
    others = Holding.objects.filter(domain_id=holding.domain_id, waiting_since__isnull=False)
    return others.exclude(pk=holding.run_id)


def _next_of(waiting: Sequence[Holding]) -> Sequence[UUID]:
    """Return who of those that wait in one domain would be admitted now, in order."""
    every = {level for holding in waiting for level in holding.levels}
    domain_id, now = waiting[0].domain_id, database_now()
    budgets = reservations.budgets_at(domain_id=domain_id, levels=every, units=UNITS)
    held = reservations.held_for([holding.run_id for holding in waiting])
    by_id = {str(holding.run_id): holding for holding in waiting}
    waiters = []
    for key, holding in by_id.items():
        since = holding.waiting_since or now
        needs = _needs(holding, budgets, held[holding.run_id])
        left = _target(holding)["micro_usd"]
        waited = int((now - since).total_seconds())
        waiters.append(Waiter(key, holding.priority, waited, left, needs))
    levels = {budget.pk: reservations.level_of(budget) for budget in budgets}
    return [by_id[key].run_id for key in next_to_go(waiters, levels)]


def _needs(holding: Holding, budgets: Sequence[Budget], held: Mapping[int, int]) -> dict[int, int]:
    target = _target(holding)
    mine = [budget for budget in budgets if budget.level in holding.levels]
    if holding.state == HoldingState.LENT:
        mine = [budget for budget in mine if budget.pk in held]
    more = {budget.pk: target.get(budget.unit, 0) - held.get(budget.pk, 0) for budget in mine}
    return {budget_id: need for budget_id, need in more.items() if need > 0}


def _behind(holding: Holding, budgets: Sequence[Budget]) -> Answer:
    """Say that others come first, unless what the run needs could not fit whoever let go."""
    needs = _needs(holding, budgets, reservations.held_for([holding.run_id])[holding.run_id])
    asked = [(budget, needs[budget.pk]) for budget in budgets if budget.pk in needs]
    answers = [(reservations.level_of(budget), budget, need) for budget, need in asked]
    for level, budget, need in answers:
        if level.answer(need) == "exhausted":
            return Exhausted(budget.unit, str(budget), need, level.left)
    level, budget, need = answers[0]
    return Wait(budget.unit, str(budget), need, level.left)


def _held(holding: Holding, answer: Held) -> None:
    state = holding.state
    moved = Holding.objects.filter(pk=holding.run_id, state=state).update(
        state=HoldingState.HELD, waiting_since=None, opened_at=Coalesce(F("opened_at"), Now())
    )
    if moved and answer.amounts:
        _tell(holding, "budget.reserved", amounts=dict(answer.amounts))


def _finer(ask: Draw) -> Q:
    of_agent = Q(scope=BudgetScope.AGENT, scope_id=ask.agent)
    return of_agent | Q(scope=BudgetScope.MODEL, scope_id=ask.model)


def _fits(unit: str) -> str:
    """Return that the unit's cap, if there is one, leaves room for the amount that is given."""
    return f"({unit}_cap IS NULL OR {unit}_cap >= {unit}_held + {unit}_spent + %s)"


def _more_held(needs: Amounts) -> dict[str, Any]:
    return {f"{unit}_held": F(f"{unit}_held") + amount for unit, amount in needs.items()}


def _settled(unit: str, freed: int, spent: int) -> dict[str, Any]:
    held, used, cap = F(f"{unit}_held"), F(f"{unit}_spent"), F(f"{unit}_cap")
    changes: dict[str, Any] = {f"{unit}_held": held - freed, f"{unit}_spent": used + spent}
    if spent > freed:
        beyond = held + used + (spent - freed) - Coalesce(cap, _LIMITLESS)
        changes[f"{unit}_overrun"] = Greatest(F(f"{unit}_overrun"), beyond)
    return changes


def _draw_slowly(ask: Draw) -> Answer:
    """Draw where it did not simply fit: say why, take what is left, or ask finer budgets too."""
    holding = Holding.objects.select_for_update().filter(pk=ask.run_id).first()
    if holding is None:
        return Exhausted("micro_usd", "run", 0, 0)
    if holding.state != HoldingState.HELD:
        return Wait("micro_usd", "run", 0, 0)
    needs: dict[str, int] = {}
    for unit, need in ask.needs.items():
        level = level_of(holding, unit)
        needs[unit] = min(need, max(1, level.left)) if unit in ask.guessed else need
        if (answer := level.answer(needs[unit])) != "held":
            kind = Wait if answer == "wait" else Exhausted
            return kind(unit, "run", needs[unit], level.left)
    Holding.objects.filter(pk=ask.run_id).update(**_more_held(needs))
    levels = [f"{BudgetScope.AGENT}:{ask.agent}", f"{BudgetScope.MODEL}:{ask.model}"]
    finer = reservations.budgets_at(domain_id=ask.domain_id, levels=levels, units=UNITS)
    if not finer:
        return Held(needs)
    if unlimited := _unlimited(finer, needs.keys()):
        return unlimited
    answer_above = reservations.reserve(
        budgets=finer, needs=needs, run_id=ask.run_id, step_id=ask.step_id, epoch=ask.epoch
    )
    return Held(needs, finer=True) if isinstance(answer_above, Held) else answer_above


def _tell(holding: Holding, type: str, **payload: Any) -> None:
    stream = StreamKey("run", str(holding.run_id))
    record(stream=stream, type=type, actor=BUDGETS, domain_id=holding.domain_id, payload=payload)
