from django.db import models
from django.db.models import Q

from orchestrator.models.run import Run


class Trust(models.TextChoices):
    """What kind of source something comes from; nothing in it is an instruction."""

    HUMAN = "human", "A person"
    AGENT = "agent", "An agent"
    TOOL = "tool", "A tool"
    EXTERNAL = "external", "From outside"


class StateEntry(models.Model):
    """One write to a run's shared state; never changed. Its reducer makes a value of all of them.

    Entries of a run are ordered by `id`: the run is locked while one is written. `author` is the
    agent as slug@version, or the name of the person, `step` the place at which it was written.
    """

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="state_entries")
    key = models.CharField(max_length=50)
    value = models.JSONField()
    author = models.CharField(max_length=160)
    trust = models.CharField(max_length=8, choices=Trust)
    classification = models.CharField(max_length=16)
    step = models.CharField(max_length=210)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(trust__in=Trust.values), name="orchestrator_state_trust"
            ),
        ]
        indexes = [
            models.Index(fields=["run", "key", "id"], name="orchestrator_state_of_run"),
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.run_id} at {self.step}"
