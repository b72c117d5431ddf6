"""What budgets come to while runs are under way.

A run is charged on the budgets above it when it ends or waits for people. What it has used until
then is still among what they hold for it, and counts here as used.
"""

from typing import Any

from django.db.models import (
    Case,
    F,
    OuterRef,
    PositiveBigIntegerField,
    QuerySet,
    Subquery,
    Sum,
    When,
)
from django.db.models.functions import Coalesce, Greatest

from governance.budgeting.amounts import UNITS
from governance.models import Budget, Holding, Reservation, ReservationState


def counted() -> QuerySet[Budget]:
    """Return budgets with what is `used` of each by now, and what is `kept` beside it for runs."""
    rows = Budget.objects.annotate(under_way=Coalesce(Subquery(_under_way()), 0))
    kept = Greatest(F("held") - F("under_way"), 0)
    return rows.annotate(used=F("spent") + F("under_way"), kept=kept)


def _under_way() -> QuerySet[Any, Any]:
    """Return what runs have used of a budget and were not charged for yet, as one row."""
    mine = Reservation.objects.filter(
        budget=OuterRef("pk"), step_id=None, state=ReservationState.HELD
    )
    more = mine.annotate(more=Greatest(Coalesce(_spent(), 0) - F("charged"), 0))
    return more.order_by().values("budget").annotate(sum=Sum("more")).values("sum")


def _spent() -> Case:
    """Return what the run of a reservation has spent, of the budget's unit."""
    holding = Holding.objects.filter(pk=OuterRef("run_id"))
    by_unit = [
        When(budget__unit=unit, then=Subquery(holding.values(f"{unit}_spent"))) for unit in UNITS
    ]
    return Case(*by_unit, output_field=PositiveBigIntegerField())
