from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from governance.models.domain import Domain

# The shares of a budget, in percent, at which people are told.
ALERTS = (50, 80, 100)
FIRST_ALERT = ALERTS[0]


class Unit(models.TextChoices):
    """What a budget counts, in whole numbers."""

    MICRO_USD = "micro_usd", "US dollars"
    TOKENS = "tokens", "Tokens"
    TOOL_CALLS = "tool_calls", "Tool calls"
    COMPUTE_SECONDS = "compute_seconds", "Seconds of compute"


class BudgetScope(models.TextChoices):
    """Whose budget it is. Domain, team and workflow are held by runs, agent and model by turns."""

    DOMAIN = "domain", "Domain"
    TEAM = "team", "Team"
    WORKFLOW = "workflow", "Workflow"
    AGENT = "agent", "Agent"
    MODEL = "model", "Model"


class Window(models.TextChoices):
    """When what was spent counts no longer; days and months are those of UTC."""

    NONE = "none", "For good"
    DAY = "day", "A day"
    MONTH = "month", "A month"


class Budget(models.Model):
    """A cap on what may be used of one unit within a scope of a domain, once or per window.

    `scope_id` is the slug of the team or agent, the name of the workflow or model, and empty for
    the domain itself. `held` is reserved, `spent` was used since `window_began`, `overrun` is by
    how much use went beyond the cap. `next_alert` is the share, in percent, at which people are
    told next.
    """

    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="budgets")
    scope = models.CharField(max_length=16, choices=BudgetScope)
    scope_id = models.CharField(max_length=120, blank=True)
    unit = models.CharField(max_length=16, choices=Unit)
    window = models.CharField(max_length=8, choices=Window, default=Window.NONE)
    window_began = models.DateTimeField(db_default=Now())
    cap = models.PositiveBigIntegerField()
    held = models.PositiveBigIntegerField(default=0)
    spent = models.PositiveBigIntegerField(default=0)
    overrun = models.PositiveBigIntegerField(default=0)
    next_alert = models.PositiveSmallIntegerField(null=True, default=FIRST_ALERT)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "scope", "scope_id", "unit", "window"],
                name="governance_budget_once",
            ),
            models.CheckConstraint(
                condition=Q(cap__gte=F("held") + F("spent") - F("overrun")),
                name="governance_budget_never_overspent",
            ),
            models.CheckConstraint(
                condition=Q(scope__in=BudgetScope.values), name="governance_budget_scope"
            ),
            models.CheckConstraint(
                condition=Q(unit__in=Unit.values), name="governance_budget_unit"
            ),
            models.CheckConstraint(
                condition=Q(window__in=Window.values), name="governance_budget_window"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_display()} {self.scope_id}".strip()

    @property
    def level(self) -> str:
        """How a holding names the scope among its levels."""
        return f"{self.scope}:{self.scope_id}"


class HoldingState(models.TextChoices):
    """Whether a run holds its part of the budgets above it."""

    WAITING = "waiting", "Waiting for budget"
    HELD = "held", "Held"
    LENT = "lent", "Given back while people decide or it is paused"
    CLOSED = "closed", "Settled"


HOLDING_TRANSITIONS: dict[str, frozenset[str]] = {
    HoldingState.WAITING: frozenset({HoldingState.HELD, HoldingState.CLOSED}),
    HoldingState.HELD: frozenset({HoldingState.LENT, HoldingState.CLOSED}),
    HoldingState.LENT: frozenset({HoldingState.HELD, HoldingState.CLOSED}),
    HoldingState.CLOSED: frozenset(),
}


def _within(unit: str) -> Q:
    used = F(f"{unit}_held") + F(f"{unit}_spent") - F(f"{unit}_overrun")
    return Q(**{f"{unit}_cap__isnull": True}) | Q(**{f"{unit}_cap__gte": used})


class Holding(models.Model):
    """What one run may use, of each unit; its steps draw from it. A missing cap limits nothing.

    It is one row so that a draw is one conditional update. `reserve` is kept for undoing and never
    drawn on. `levels` names the budgets above, as `scope:id`. Runs that wait since
    `waiting_since` are served by `priority` and by what they have left. `alerts` are the shares,
    in percent, at which people are told, `next_alert` the next of them. `guarded_at` is when the
    run was stopped for spending too fast, which happens to it once.
    """

    run_id = models.UUIDField(primary_key=True)
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="holdings")
    workflow = models.CharField(max_length=120)
    priority = models.PositiveSmallIntegerField(default=5)
    levels = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=HoldingState, default=HoldingState.WAITING)
    waiting_since = models.DateTimeField(null=True, blank=True)
    reserve = models.PositiveBigIntegerField(default=0)
    micro_usd_cap = models.PositiveBigIntegerField(null=True)
    micro_usd_held = models.PositiveBigIntegerField(default=0)
    micro_usd_spent = models.PositiveBigIntegerField(default=0)
    micro_usd_overrun = models.PositiveBigIntegerField(default=0)
    tokens_cap = models.PositiveBigIntegerField(null=True)
    tokens_held = models.PositiveBigIntegerField(default=0)
    tokens_spent = models.PositiveBigIntegerField(default=0)
    tokens_overrun = models.PositiveBigIntegerField(default=0)
    tool_calls_cap = models.PositiveBigIntegerField(null=True)
    tool_calls_held = models.PositiveBigIntegerField(default=0)
    tool_calls_spent = models.PositiveBigIntegerField(default=0)
    tool_calls_overrun = models.PositiveBigIntegerField(default=0)
    compute_seconds_cap = models.PositiveBigIntegerField(null=True)
    compute_seconds_held = models.PositiveBigIntegerField(default=0)
    compute_seconds_spent = models.PositiveBigIntegerField(default=0)
    compute_seconds_overrun = models.PositiveBigIntegerField(default=0)
    alerts = models.JSONField(default=list)
    next_alert = models.PositiveSmallIntegerField(null=True, blank=True)
    guarded_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=HoldingState.values), name="governance_holding_state"
            ),
            *(
                models.CheckConstraint(
                    condition=_within(unit), name=f"governance_holding_{unit}_never_overspent"
                )
                for unit in Unit.values
            ),
        ]
        indexes = [
            models.Index(
                fields=["domain", "waiting_since"],
                condition=Q(waiting_since__isnull=False),
                name="governance_holding_queue",
            ),
            models.Index(
                fields=["domain", "workflow", "-closed_at"], name="governance_holding_rates"
            ),
            models.Index(
                fields=["next_alert"],
                condition=~Q(state="closed"),
                name="governance_holding_open",
            ),
        ]

    def __str__(self) -> str:
        return f"holding of {self.run_id}"


class ReservationState(models.TextChoices):
    """What became of an amount that a budget held."""

    HELD = "held", "Held"
    SETTLED = "settled", "Settled"
    RELEASED = "released", "Given back unused"
    OVERRUN = "overrun", "Settled above what was held"
    UNVERIFIED = "unverified", "Charged in full, unverified"


RESERVATION_TRANSITIONS: dict[str, frozenset[str]] = {
    ReservationState.HELD: frozenset(ReservationState.values) - {ReservationState.HELD},
    **{end: frozenset() for end in ReservationState.values if end != ReservationState.HELD},
}


class Reservation(models.Model):
    """What a budget holds for a run, or for one attempt of a step under its epoch.

    `amount` is held now, `charged` was settled so far.
    """

    budget = models.ForeignKey(Budget, on_delete=models.PROTECT, related_name="reservations")
    run_id = models.UUIDField(db_index=True)
    step_id = models.UUIDField(null=True, blank=True)
    epoch = models.PositiveBigIntegerField(default=0)
    amount = models.PositiveBigIntegerField()
    charged = models.PositiveBigIntegerField(default=0)
    state = models.CharField(
        max_length=12, choices=ReservationState, default=ReservationState.HELD
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "run_id"],
                condition=Q(step_id__isnull=True),
                name="governance_reservation_once_per_run",
            ),
            models.UniqueConstraint(
                fields=["budget", "step_id", "epoch"],
                condition=Q(step_id__isnull=False),
                name="governance_reservation_once_per_attempt",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ReservationState.values), name="governance_reservation_state"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.budget_id} for {self.run_id}"


class Charge(models.Model):
    """An amount that was settled on a budget; insert-only, so an account adds up."""

    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="charges")
    budget = models.ForeignKey(Budget, on_delete=models.PROTECT, related_name="charges")
    run_id = models.UUIDField()
    amount = models.PositiveBigIntegerField()
    is_verified = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["budget", "-id"], name="governance_charge_account")]

    def __str__(self) -> str:
        return f"{self.amount} of {self.budget_id} for {self.run_id}"
