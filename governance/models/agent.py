import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.models.domain import Domain


class Lifecycle(models.TextChoices):
    """Where an agent stands; only an active one may propose or act."""

    DRAFT = "draft", "Draft"
    PENDING_REVIEW = "pending_review", "Pending review"
    ACTIVE = "active", "Active"
    SUSPENDED = "suspended", "Suspended"
    QUARANTINED = "quarantined", "Quarantined"
    RETIRED = "retired", "Retired"


LIFECYCLE_TRANSITIONS: dict[str, frozenset[str]] = {
    Lifecycle.DRAFT: frozenset({Lifecycle.PENDING_REVIEW, Lifecycle.ACTIVE, Lifecycle.RETIRED}),
    Lifecycle.PENDING_REVIEW: frozenset({Lifecycle.ACTIVE, Lifecycle.DRAFT, Lifecycle.RETIRED}),
    Lifecycle.ACTIVE: frozenset({Lifecycle.SUSPENDED, Lifecycle.QUARANTINED, Lifecycle.RETIRED}),
    Lifecycle.SUSPENDED: frozenset({Lifecycle.ACTIVE, Lifecycle.QUARANTINED, Lifecycle.RETIRED}),
    Lifecycle.QUARANTINED: frozenset({Lifecycle.SUSPENDED, Lifecycle.RETIRED}),
    Lifecycle.RETIRED: frozenset(),
}


class Environment(models.TextChoices):
    """The one environment an agent works in; a second environment is a second agent."""

    DEVELOPMENT = "development", "Development"
    STAGING = "staging", "Staging"
    PRODUCTION = "production", "Production"


class Agent(models.Model):
    """A non-human identity with an owner, a sponsor and exactly one environment.

    `classes` are the Cedar agent classes it belongs to, `capabilities` what it can do: workflows
    may ask for them instead of naming it. `price_micro_usd` is what a turn of it costs, where
    that was declared, `max_parallel` on how many steps it may be at work at once. `runner` and
    `runner_config` say how it is made to work; they come from a manifest on the machine, never
    from a browser form.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="agents")
    slug = models.SlugField()
    version = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=120)
    purpose = models.TextField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_agents"
    )
    sponsor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sponsored_agents"
    )
    environment = models.CharField(max_length=16, choices=Environment)
    lifecycle = models.CharField(max_length=16, choices=Lifecycle, default=Lifecycle.DRAFT)
    lifecycle_reason = models.TextField(blank=True)
    classes = models.JSONField(default=list, blank=True)
    capabilities = models.JSONField(default=list, blank=True)
    price_micro_usd = models.PositiveBigIntegerField(null=True, blank=True)
    max_parallel = models.PositiveIntegerField(null=True, blank=True)
    runner = models.CharField(max_length=32, blank=True)
    runner_config = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "slug", "version"], name="governance_agent_slug_once"
            ),
            models.CheckConstraint(
                condition=Q(lifecycle__in=Lifecycle.values), name="governance_agent_lifecycle"
            ),
            models.CheckConstraint(
                condition=Q(environment__in=Environment.values),
                name="governance_agent_environment",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Grant(models.Model):
    """Gives a scope (`capability:resource pattern`, such as `merge:repo/*`) to an agent."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="grants")
    scope = models.CharField(max_length=200)
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "scope"], name="governance_grant_once"),
        ]

    def __str__(self) -> str:
        return f"{self.agent} {self.scope}"
