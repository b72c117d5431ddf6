from django.db import models
from django.db.models import Q

from orchestrator.models.run import Run
from orchestrator.models.state import Trust


class Posting(models.Model):
    """One version of an entry on a run's blackboard; never changed. The highest is the entry.

    Writing is a compare-and-swap: who writes names the version it has read (0 when there was
    none), and the next one can exist once. `author` is the agent as slug@version, `step` the
    place at which it wrote. After `expires_at` nobody is shown the entry any more.
    """

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="postings")
    space = models.CharField(max_length=50)
    key = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    kind = models.CharField(max_length=50)
    body = models.JSONField()
    author = models.CharField(max_length=160)
    trust = models.CharField(max_length=8, choices=Trust)
    step = models.CharField(max_length=210)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "space", "key", "version"], name="orchestrator_posting_once"
            ),
            models.CheckConstraint(
                condition=Q(trust__in=Trust.values), name="orchestrator_posting_trust"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.space}/{self.key}@{self.version} of {self.run_id}"
