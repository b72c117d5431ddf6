import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.models.agent import Agent


class SigninLink(models.Model):
    """A one-time link that signs a person in. Only the SHA-256 of its secret is kept.

    `person` is empty for the link that enrols the very first person.
    """

    secret_hash = models.CharField(max_length=64, unique=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"sign-in link {self.pk}"


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
