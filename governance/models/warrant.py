import uuid

from django.db import models
from django.db.models import Q

from governance.models.action import Action, Verdict
from governance.models.gate import Gate


class WarrantState(models.TextChoices):
    """Where a warrant stands; only `issued` can be claimed."""

    ISSUED = "issued", "Issued"
    CLAIMED = "claimed", "Claimed"
    EXPIRED = "expired", "Expired"
    VOID = "void", "Void"


WARRANT_TRANSITIONS: dict[str, frozenset[str]] = {
    WarrantState.ISSUED: frozenset(
        {WarrantState.CLAIMED, WarrantState.EXPIRED, WarrantState.VOID}
    ),
    WarrantState.CLAIMED: frozenset(),
    WarrantState.EXPIRED: frozenset(),
    WarrantState.VOID: frozenset(),
}


class Warrant(models.Model):
    """Single-use, expiring authority to execute exactly one action.

    `gate` is the gate whose decision issued it; it is empty when policy allowed the action, and
    then `verdict` alone is the decider. `expires_at` is compared with the database's clock.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    action = models.OneToOneField(Action, on_delete=models.PROTECT, related_name="warrant")
    verdict = models.ForeignKey(Verdict, on_delete=models.PROTECT, related_name="+")
    gate = models.OneToOneField(
        Gate, null=True, blank=True, on_delete=models.PROTECT, related_name="warrant"
    )
    action_digest = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=WarrantState, default=WarrantState.ISSUED)
    reason = models.CharField(max_length=200, blank=True)
    issued_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    claimed_by = models.CharField(max_length=120, blank=True)
    fence = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=WarrantState.values), name="governance_warrant_state"
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(state="issued"),
                name="governance_warrant_expiry",
            ),
        ]

    def __str__(self) -> str:
        return f"warrant for {self.action_id}"
