import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.models.agent import Agent
from governance.models.domain import Domain


class SigninLink(models.Model):
    """A one-time link that signs a person in. Only the SHA-256 of its secret is kept.

    `person` is empty when the link enrols somebody new: an invitation names the `domain` and
    the `inviter`, the link for the very first person names neither.
    """

    secret_hash = models.CharField(max_length=64, unique=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE
    )
    domain = models.ForeignKey(Domain, null=True, blank=True, on_delete=models.CASCADE)
    inviter = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="invitations",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(domain__isnull=True, inviter__isnull=True)
                | Q(domain__isnull=False, inviter__isnull=False, person__isnull=True),
                name="governance_invitation_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"sign-in link {self.pk}"


class PasswordTries(models.Model):
    """How often passwords were tried under one key until `window_ends_at`.

    `key` is the SHA-256 of a user name, of an address, or of both together, so that the table
    says nothing about anybody.
    """

    key = models.CharField(max_length=64, unique=True)
    count = models.PositiveIntegerField()
    window_ends_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "password tries"

    def __str__(self) -> str:
        return f"{self.count} until {self.window_ends_at}"


class Token(models.Model):
    """A bearer token for the API, of one person or of one agent. Only its SHA-256 is kept.

    A token of an agent can read and propose; no token of an agent reaches a review verb.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    secret_hash = models.CharField(max_length=64, unique=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="tokens",
    )
    agent = models.ForeignKey(
        Agent, null=True, blank=True, on_delete=models.CASCADE, related_name="tokens"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=True) ^ Q(agent__isnull=True),
                name="governance_token_has_one_holder",
            ),
        ]

    def __str__(self) -> str:
        return self.name
