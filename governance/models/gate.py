import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.models.action import Action, Exhibit, Verdict
from governance.models.domain import Domain


class GateState(models.TextChoices):
    """Where a gate stands. Everything but `pending` and `approved` is final."""

    PENDING = "pending", "Waiting"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"
    VOID = "void", "Void"


GATE_TRANSITIONS: dict[str, frozenset[str]] = {
    GateState.PENDING: frozenset(
        {GateState.APPROVED, GateState.REJECTED, GateState.EXPIRED, GateState.CANCELLED}
    ),
    GateState.APPROVED: frozenset({GateState.VOID}),
    GateState.REJECTED: frozenset(),
    GateState.EXPIRED: frozenset(),
    GateState.CANCELLED: frozenset(),
    GateState.VOID: frozenset(),
}


class Gate(models.Model):
    """An action waiting for people until `expires_at`, by the database's clock.

    A gate that replaces one whose approval went stale names it in `delta_of` and shows what
    changed. `epoch` moves while a gate is pending whenever what is shown changes. Giving a
    review moves `review_count` on first, which keeps two reviewers of one gate apart.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="gates")
    action = models.OneToOneField(Action, on_delete=models.PROTECT, related_name="gate")
    verdict = models.ForeignKey(Verdict, on_delete=models.PROTECT, related_name="+")
    epoch = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=16, choices=GateState, default=GateState.PENDING)
    sentence = models.CharField(max_length=400)
    risk = models.CharField(max_length=16)
    delta_of = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="delta"
    )
    exhibits = models.ManyToManyField(Exhibit, related_name="gates", blank=True)
    comment_required = models.BooleanField(default=False)
    review_count = models.PositiveIntegerField(default=0)
    valid_for_seconds = models.PositiveIntegerField()
    opened_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=GateState.values), name="governance_gate_state"
            ),
        ]
        indexes = [
            models.Index(fields=["domain", "state", "-opened_at", "id"], name="governance_inbox"),
            models.Index(
                fields=["domain", "-decided_at", "id"],
                condition=Q(decided_at__isnull=False),
                name="governance_gate_history",
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(state="pending"),
                name="governance_gate_expiry",
            ),
        ]

    def __str__(self) -> str:
        return self.sentence


class Seat(models.Model):
    """One requirement of who must agree: `min_count` distinct people of `group`.

    `group` is a team's slug, or `owner` or `sponsor` of the agent. `distinct_from` names whom a
    person in this seat must not be: any of initiator, owner, sponsor.
    """

    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="seats")
    group = models.SlugField()
    min_count = models.PositiveIntegerField(default=1)
    distinct_from = models.JSONField(default=list)
    min_assurance = models.CharField(max_length=16, default="session")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gate", "group"], name="governance_seat_group_once"),
            models.CheckConstraint(
                condition=Q(min_count__gte=1), name="governance_seat_not_empty"
            ),
            models.CheckConstraint(
                condition=Q(min_assurance__in=["session", "mfa", "passkey"]),
                name="governance_seat_assurance",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.min_count} of {self.group}"


class Verb(models.TextChoices):
    """What a person can do on a gate."""

    APPROVE = "approve", "Approve"
    REJECT = "reject", "Reject"


class Review(models.Model):
    """One person's act on a gate; append-only. A person's latest review of an epoch counts.

    `statement` is what they agreed to (RFC 8785; DESIGN settled point 3) and `presentation` the
    canonical block they were shown; `presented_digest` is its SHA-256.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="reviews")
    epoch = models.PositiveIntegerField()
    ordinal = models.PositiveIntegerField()
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews"
    )
    verb = models.CharField(max_length=16, choices=Verb)
    comment = models.TextField(blank=True)
    action_digest = models.CharField(max_length=64)
    presented_digest = models.CharField(max_length=64)
    presentation = models.JSONField()
    statement = models.JSONField()
    assurance = models.CharField(max_length=16)
    channel = models.CharField(max_length=16)
    idempotency_key = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["gate", "ordinal"], name="governance_review_ordinal"),
            models.UniqueConstraint(
                fields=["person", "idempotency_key"], name="governance_review_once_per_key"
            ),
            models.CheckConstraint(
                condition=Q(verb__in=Verb.values), name="governance_review_verb"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} by {self.person}"


class Decision(models.Model):
    """The gate's one final outcome, with the reviews that made it (`quorum_proof`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    gate = models.OneToOneField(Gate, on_delete=models.PROTECT, related_name="decision")
    outcome = models.CharField(max_length=16, choices=GateState)
    action_digest = models.CharField(max_length=64)
    quorum_proof = models.JSONField(default=list)
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["approved", "rejected", "expired", "cancelled"]),
                name="governance_decision_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} for {self.gate_id}"
