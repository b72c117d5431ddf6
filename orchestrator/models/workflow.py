import uuid

from django.db import models

from governance.models import Domain


class Workflow(models.Model):
    """One version of a workflow file, pinned by the digest of its text.

    `definition` is the parsed and checked file; `git_commit` is the commit the file was read at,
    empty when it did not lie in a repository or differed from it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="workflows")
    name = models.SlugField()
    version = models.CharField(max_length=32)
    description = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    source = models.TextField()
    definition = models.JSONField()
    git_commit = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "digest"], name="orchestrator_workflow_text_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
