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


class ToolServer(models.Model):
    """A server outside that offers tools; `config` says how it is reached and names its secret.

    It comes from a file on the machine, never from a browser form: it may name a program.
    """

    slug = models.SlugField(max_length=24, primary_key=True)
    config = models.JSONField()

    def __str__(self) -> str:
        return self.slug


class Tool(models.Model):
    """Something an action uses, pinned by the digest of its argument schema.

    A tool of a `server` is described in `remote`: its name there, what makes repeating a call
    safe (`effect_class`), and the digest of everything the server said of it.
    """

    slug = models.CharField(max_length=64, primary_key=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    schema = models.JSONField()
    schema_digest = models.CharField(max_length=64)
    risk = models.CharField(max_length=16, choices=Risk)
    reversibility = models.CharField(max_length=16, choices=Reversibility)
    allowed_hosts = models.JSONField(default=list, blank=True)
    server = models.ForeignKey(
        ToolServer, null=True, blank=True, on_delete=models.PROTECT, related_name="tools"
    )
    remote = models.JSONField(default=dict, blank=True)

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
