from django.db import models


class Stream(models.Model):
    """One object's history. Outside the database it is named `kind:object_id`.

    `last_seq` is dense and `head` is the hash of the event that carries it; both move only
    inside the transaction that appends (DESIGN: one event stream, four readers).
    """

    kind = models.CharField(max_length=32)
    object_id = models.CharField(max_length=64)
    domain_id = models.CharField(max_length=36, blank=True)
    last_seq = models.PositiveBigIntegerField(default=0)
    head = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "object_id"], name="audit_stream_named_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.object_id}"
