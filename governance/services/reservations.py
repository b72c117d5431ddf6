"""What budgets hold for runs and turns: all levels or none, updated in ascending id.

Every function joins the caller's `recording()`. What was used is always charged; where that goes
beyond the cap, the budget says by how much.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest, Now, TruncDay, TruncMonth

from governance.budgeting.amounts import Amounts
from governance.budgeting.answers import Answer, Exhausted, Held, Short, Wait
from governance.budgeting.levels import Level
from governance.models import ALERTS, Budget, Charge, Reservation, ReservationState, Window

_BEGAN = {Window.DAY: TruncDay(Now(), tzinfo=UTC), Window.MONTH: TruncMonth(Now(), tzinfo=UTC)}


class _NoRoomError(Exception):
    """A budget could not hold what was needed; the savepoint takes the others back."""

    def __init__(self, budget_id: int, need: int) -> None:
        super().__init__(f"{need} does not fit into budget {budget_id}")
        self.budget_id = budget_id
        self.need = need


def budgets_at(
    *, domain_id: UUID, levels: Collection[str], units: Collection[str]
) -> list[Budget]:
    """Return the budgets at these levels (`scope:id`) in ascending id, each in its present window.

    A window that is over ends here: what was spent in it counts no longer.
    """
    which = Q()
    for scope, _sep, scope_id in (level.partition(":") for level in levels):
        which |= Q(scope=scope, scope_id=scope_id)
    found = Budget.objects.filter(which, domain_id=domain_id, unit__in=units).order_by("pk")
    budgets = list(found) if levels else []
    if any(budget.window != Window.NONE for budget in budgets) and _renew(found):
        budgets = list(found.all())
    return budgets


def level_of(budget: Budget) -> Level:
    """Return the budget as arithmetic."""
    renews = budget.window != Window.NONE
    return Level(budget.cap, budget.held, budget.spent, budget.overrun, renews)


def reserve(
    *,
    budgets: Sequence[Budget],
    needs: Amounts,
    run_id: UUID,
    step_id: UUID | None = None,
    epoch: int = 0,
) -> Answer:
    """Hold what is needed on every one of the budgets, or nothing on any of them."""
    wanted = [(budget, needs[budget.unit]) for budget in budgets if needs.get(budget.unit)]
    rows = [
        Reservation(budget=budget, run_id=run_id, step_id=step_id, epoch=epoch, amount=need)
        for budget, need in wanted
    ]
    try:
        with transaction.atomic():
            for budget, need in wanted:
                _move(budget.pk, hold=need, spend=0, must_fit=True)
            Reservation.objects.bulk_create(rows)
    except _NoRoomError as no:
        return _short(no)
    return Held({budget.unit: need for budget, need in wanted})


def retarget(*, run_id: UUID, to: Amounts, used: Amounts) -> Answer:
    """Charge what the run has used by now, and let every budget above hold `to` for it.

    More than is held must fit on all of them, or nothing changes; less always does.
    """
    try:
        with transaction.atomic():
            for row in _of_run(run_id):
                _retarget(row, to.get(row.budget.unit, 0), used.get(row.budget.unit, 0))
    except _NoRoomError as no:
        return _short(no)
    return Held(to)


def close(*, run_id: UUID, used: Amounts) -> int:
    """Charge what the run has used in all, hold nothing for it any more, return on how many."""
    rows = list(_of_run(run_id))
    for row in rows:
        before, unit = row.amount + row.charged, row.budget.unit
        _retarget(row, 0, used.get(unit, 0))
        _end(row, held=before, used=used.get(unit, 0))
    return len(rows)


def settle(*, step_id: UUID, epoch: int, used: Amounts | None, is_verified: bool = True) -> None:
    """Charge what one attempt used on the budgets of its agent and model; None charges it all."""
    mine = Reservation.objects.filter(step_id=step_id, epoch=epoch, state=ReservationState.HELD)
    for row in mine.select_related("budget").order_by("budget_id"):
        held = row.amount
        spent = held if used is None else used.get(row.budget.unit, 0)
        _retarget(row, 0, spent, is_verified=is_verified)
        _end(row, held=held, used=spent, is_verified=is_verified)


def held_for(run_ids: Collection[UUID]) -> Mapping[UUID, Mapping[int, int]]:
    """Return how much each budget holds for each of the runs, by the budget's id."""
    held: dict[UUID, dict[int, int]] = {run_id: {} for run_id in run_ids}
    rows = Reservation.objects.filter(
        run_id__in=run_ids, step_id=None, state=ReservationState.HELD
    )
    for run_id, budget_id, amount in rows.values_list("run_id", "budget_id", "amount"):
        held[run_id][budget_id] = amount
    return held


def _of_run(run_id: UUID) -> QuerySet[Reservation]:
    rows = Reservation.objects.filter(run_id=run_id, step_id=None, state=ReservationState.HELD)
    return rows.select_related("budget").order_by("budget_id")


def _retarget(row: Reservation, to: int, used: int, *, is_verified: bool = True) -> None:
    more, fresh = to - row.amount, max(0, used - row.charged)
    if not more and not fresh:
        return
    _move(row.budget_id, hold=more, spend=fresh, must_fit=more > 0)
    Reservation.objects.filter(pk=row.pk).update(amount=to, charged=F("charged") + fresh)
    if fresh:
        Charge.objects.create(
            reservation=row,
            budget_id=row.budget_id,
            run_id=row.run_id,
            amount=fresh,
            is_verified=is_verified,
        )


def _move(budget_id: int, *, hold: int, spend: int, must_fit: bool) -> None:
    """Change what is held and spent by one conditional update; raises _NoRoomError."""
    budget = Budget.objects.filter(pk=budget_id)
    if must_fit:
        budget = budget.filter(cap__gte=F("held") + F("spent") + hold + spend)
    beyond = F("held") + F("spent") + (hold + spend) - F("cap")
    changed = budget.update(
        held=F("held") + hold,
        spent=F("spent") + spend,
        overrun=F("overrun") if hold + spend <= 0 or must_fit else Greatest(F("overrun"), beyond),
    )
    if not changed:
        raise _NoRoomError(budget_id, hold + spend)


def _end(row: Reservation, *, held: int, used: int, is_verified: bool = True) -> None:
    state = ReservationState.SETTLED if used else ReservationState.RELEASED
    if not is_verified:
        state = ReservationState.UNVERIFIED
    elif used > held:
        state = ReservationState.OVERRUN
    Reservation.objects.filter(pk=row.pk, state=ReservationState.HELD).update(state=state)


def _short(no: _NoRoomError) -> Short:
    """Say what kept it out: holds, which pass, or what was spent. What fits by now may wait."""
    budget = Budget.objects.get(pk=no.budget_id)
    level = level_of(budget)
    kind = Exhausted if level.answer(no.need) == "exhausted" else Wait
    return kind(budget.unit, str(budget), no.need, level.left)


def _renew(found: QuerySet[Budget]) -> bool:
    anew = {"spent": 0, "overrun": 0, "next_alert": ALERTS[0]}
    renewed = 0
    for window, began in _BEGAN.items():
        over = found.filter(window=window, window_began__lt=began)
        ids = list(over.values_list("pk", flat=True))
        if ids:
            late = Budget.objects.filter(pk__in=ids, window_began__lt=began)
            renewed += late.update(window_began=began, **anew)
    return bool(renewed)
