from collections.abc import Iterable

from django.db import models
from django.db.models import Q

from audit.types import StreamKey


class StreamQuerySet(models.QuerySet["Stream"]):
    """Streams by the names they have outside the database."""

    def named(self, keys: Iterable[StreamKey]) -> "StreamQuerySet":
        """Return the streams with these names that exist; no names, no streams."""
        names = Q(pk__in=())
        for key in keys:
            names |= Q(kind=key.kind, object_id=key.object_id)
        return self.filter(names)


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

    objects = StreamQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "object_id"], name="audit_stream_named_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.object_id}"

    @property
    def key(self) -> StreamKey:
        """The name of the stream outside the database."""
        return StreamKey(self.kind, self.object_id)
