import uuid

from django.conf import settings
from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase


class Domain(models.Model):
    """A business unit or organisation with its own agents, reviewers, policies and budgets.

    Object permissions sit here and on nothing smaller, so that one look-up per request answers
    every question of a page.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)
    enrolled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [
            ("review_gates", "May see and decide gates"),
            ("operate_runs", "May start, pause and cancel runs"),
            ("register_agents", "May register, suspend and resume agents"),
            ("read_audit", "May read the audit log"),
            ("manage_budgets", "May set and raise budgets"),
            ("manage_people", "May invite and deactivate people"),
            ("sign_contracts", "May sign and revoke contracts with other domains"),
        ]

    def __str__(self) -> str:
        return self.name


class DomainPersonPermission(UserObjectPermissionBase):
    """A person's permission on one domain, by foreign key instead of a generic row."""

    content_object = models.ForeignKey(Domain, on_delete=models.CASCADE)


class DomainGroupPermission(GroupObjectPermissionBase):
    """A group's permission on one domain, by foreign key instead of a generic row."""

    content_object = models.ForeignKey(Domain, on_delete=models.CASCADE)


class Team(models.Model):
    """The people a policy means when it names a group of reviewers."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="teams")
    slug = models.SlugField()
    name = models.CharField(max_length=120)
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="teams", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["domain", "slug"], name="governance_team_slug_once"),
        ]

    def __str__(self) -> str:
        return self.name
