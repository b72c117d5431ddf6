import uuid

from django.db import models
from django.db.models import Q

from governance.models.action import Action
from governance.models.warrant import Warrant


class EffectClass(models.TextChoices):
    """What makes a repeated call safe (engine.md 5.3): the recovery table reads this."""

    IDEMPOTENT_KEY = "idempotent_key", "Target honours an idempotency key"
    NATURAL = "natural", "Repeating changes nothing"
    PROBE = "probe", "Target can be asked whether it happened"
    NONE = "none", "Cannot be repeated or asked"


class EffectState(models.TextChoices):
    """Where a side effect stands."""

    IN_FLIGHT = "in_flight", "In flight"
    SUCCEEDED = "succeeded", "Done"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Unknown"
    RECONCILED = "reconciled", "Reconciled"
    COMPENSATED = "compensated", "Undone"


# Nobody can say yet whether it happened.
EFFECT_OPEN = (EffectState.IN_FLIGHT, EffectState.UNKNOWN)
EFFECT_TRANSITIONS: dict[str, frozenset[str]] = {
    EffectState.IN_FLIGHT: frozenset(
        {EffectState.SUCCEEDED, EffectState.FAILED, EffectState.UNKNOWN}
    ),
    # Undone without knowing only where its undo says that it is safe if nothing happened.
    EffectState.UNKNOWN: frozenset(
        {EffectState.RECONCILED, EffectState.FAILED, EffectState.COMPENSATED}
    ),
    EffectState.SUCCEEDED: frozenset({EffectState.COMPENSATED}),
    EffectState.RECONCILED: frozenset({EffectState.COMPENSATED}),
    EffectState.FAILED: frozenset(),
    EffectState.COMPENSATED: frozenset(),
}


class Effect(models.Model):
    """A side effect in the world, registered with its undo before it is attempted.

    `effect_key` = SHA-256 over run, step path, index, tool and canonical arguments: the same
    for every retry, so the target can recognise a repetition. `commit_seq` orders undoing.
    `compensation` is its undo; `safe_if_absent` in it says that undoing what never happened
    changes nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    warrant = models.OneToOneField(Warrant, on_delete=models.PROTECT, related_name="effect")
    action = models.OneToOneField(Action, on_delete=models.PROTECT, related_name="effect")
    run_id = models.UUIDField(null=True, blank=True, db_index=True)
    effect_key = models.CharField(max_length=64, unique=True)
    effect_class = models.CharField(max_length=16, choices=EffectClass)
    state = models.CharField(max_length=16, choices=EffectState, default=EffectState.IN_FLIGHT)
    fence = models.PositiveBigIntegerField()
    commit_seq = models.PositiveBigIntegerField(null=True, blank=True)
    response = models.JSONField(default=dict)
    response_digest = models.CharField(max_length=64, blank=True)
    compensation = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=EffectState.values), name="governance_effect_state"
            ),
            models.CheckConstraint(
                condition=Q(effect_class__in=EffectClass.values), name="governance_effect_class"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} effect of {self.action_id}"
