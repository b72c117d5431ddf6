from django.db import models
from django.db.models import Q


class Risk(models.TextChoices):
    """How bad a wrong use is; shown to reviewers as word and icon."""

    LOW = "low", "Low risk"
    MEDIUM = "medium", "Medium risk"
    HIGH = "high", "High risk"
    CRITICAL = "critical", "Critical risk"


class Reversibility(models.TextChoices):
    """What can be done about an effect afterwards."""

    READ_ONLY = "read_only", "Changes nothing"
    REVERSIBLE = "reversible", "Can be undone"
    COMPENSABLE = "compensable", "Can be compensated"
    IRREVERSIBLE = "irreversible", "Cannot be undone"


class Tool(models.Model):
    """Something an action uses, pinned by the digest of its argument schema."""

    slug = models.CharField(max_length=64, primary_key=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    schema = models.JSONField()
    schema_digest = models.CharField(max_length=64)
    risk = models.CharField(max_length=16, choices=Risk)
    reversibility = models.CharField(max_length=16, choices=Reversibility)
    allowed_hosts = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(risk__in=Risk.values), name="governance_tool_risk"),
            models.CheckConstraint(
                condition=Q(reversibility__in=Reversibility.values),
                name="governance_tool_reversibility",
            ),
        ]

    def __str__(self) -> str:
        return self.name
