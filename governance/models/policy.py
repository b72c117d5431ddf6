from django.db import models
from django.db.models import Q

from governance.models.domain import Domain


class Bundle(models.Model):
    """An immutable, numbered set of Cedar policies of one domain. The highest active one rules.

    `digest` is the SHA-256 over the RFC 8785 form of `{schema, policies}`.
    """

    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="bundles")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    schema = models.TextField()
    policies = models.TextField()
    is_active = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "number"], name="governance_bundle_number_once"
            ),
            models.UniqueConstraint(
                fields=["domain"],
                condition=Q(is_active=True),
                name="governance_bundle_one_active",
            ),
        ]

    def __str__(self) -> str:
        return f"bundle {self.number} of {self.domain}"
