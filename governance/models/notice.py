import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.models.domain import Domain


class Webhook(models.Model):
    """An address outside that gets a domain's notices, signed with `secret`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(max_length=500)
    secret = models.CharField(max_length=128)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.url


class Channel(models.TextChoices):
    """How a notice travels."""

    IN_APP = "in_app", "In the app"
    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"


class NoticeState(models.TextChoices):
    """Where a notice stands."""

    PENDING = "pending", "Waiting"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"


NOTICE_TRANSITIONS: dict[str, frozenset[str]] = {
    NoticeState.PENDING: frozenset({NoticeState.DELIVERED, NoticeState.FAILED}),
    NoticeState.DELIVERED: frozenset(),
    NoticeState.FAILED: frozenset(),
}


class Notice(models.Model):
    """A message to a person or a system, in the outbox until it is delivered.

    Written in the transaction that causes it, so a crash after commit still notifies.
    `lease_until` keeps two deliverers apart; `rung_at` is when a worker was last rung for it;
    `dedupe_key` makes a repeated cause one message. `stream` names the history it belongs to.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="notices")
    channel = models.CharField(max_length=16, choices=Channel)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="notices",
    )
    webhook = models.ForeignKey(
        Webhook, null=True, blank=True, on_delete=models.CASCADE, related_name="notices"
    )
    topic = models.CharField(max_length=64)
    title = models.CharField(max_length=400)
    path = models.CharField(max_length=200, blank=True)
    stream = models.CharField(max_length=100)
    state = models.CharField(max_length=16, choices=NoticeState, default=NoticeState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    available_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    dedupe_key = models.CharField(max_length=200, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=NoticeState.values), name="governance_notice_state"
            ),
            models.CheckConstraint(
                condition=Q(person__isnull=True) ^ Q(webhook__isnull=True),
                name="governance_notice_has_one_recipient",
            ),
        ]
        indexes = [
            models.Index(
                fields=["available_at"],
                condition=Q(state="pending"),
                name="governance_notice_outbox",
            ),
            models.Index(
                fields=["person", "-created_at"],
                condition=Q(channel="in_app"),
                name="governance_notice_bell",
            ),
        ]

    def __str__(self) -> str:
        return self.title
