import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.models.agent import Agent
from governance.models.domain import Domain
from governance.models.policy import Bundle
from governance.models.tool import Tool


class Action(models.Model):
    """The immutable envelope of what is to happen.

    `digest` is the SHA-256 over the RFC 8785 form of `envelope`, which holds meaning only:
    agent, on whose behalf, tool and its schema digest, arguments, pins (what must not have
    changed when it runs) and environment. `run_id`, `step_path` and `index` (its place among
    the step's actions) say where it came from; `sentence` and `compensation` are what it does
    and its undo, as the tool's adapter described them when the action was proposed. `demands`
    names people whom the proposal itself asks to agree, beside those whom policy asks.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="actions")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="actions")
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="actions")
    run_id = models.UUIDField(null=True, blank=True, db_index=True)
    step_path = models.CharField(max_length=200, blank=True)
    index = models.PositiveIntegerField(default=0)
    effect_key = models.CharField(max_length=64)
    envelope = models.JSONField()
    digest = models.CharField(max_length=64, db_index=True)
    sentence = models.CharField(max_length=400)
    compensation = models.JSONField(default=dict)
    demands = models.JSONField(default=dict, blank=True)
    rationale = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.sentence


class Outcome(models.TextChoices):
    """What policy can say."""

    ALLOW = "allow", "Allowed"
    REQUIRE_APPROVAL = "require_approval", "Needs approval"
    DENY = "deny", "Denied"


class Verdict(models.Model):
    """What policy said about an action, with everything needed to say it again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="verdicts")
    bundle = models.ForeignKey(Bundle, null=True, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=16, choices=Outcome)
    reasons = models.JSONField(default=list)
    policies = models.JSONField(default=list)
    obligations = models.JSONField(default=dict)
    facts = models.JSONField(default=dict)
    facts_digest = models.CharField(max_length=64)
    errors = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=Outcome.values), name="governance_verdict_outcome"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} for {self.action_id}"


class Exhibit(models.Model):
    """Something attached for the reviewer, by digest: a finding, a report, a diff.

    `subject` is what it speaks about (a commit id), so that a page can say when it is stale.
    `trust` is who made it: `tool` output that the control plane computed itself, or `agent`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="+")
    run_id = models.UUIDField(null=True, blank=True, db_index=True)
    step_path = models.CharField(max_length=200, blank=True)
    agent = models.ForeignKey(Agent, null=True, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=32)
    trust = models.CharField(max_length=16)
    subject = models.CharField(max_length=200, blank=True)
    content = models.JSONField()
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(trust__in=["agent", "tool"]), name="governance_exhibit_trust"
            ),
        ]

    def __str__(self) -> str:
        return self.name
