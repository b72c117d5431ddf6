from django.db import models

from audit.models.stream import Stream


class Event(models.Model):
    """One line of a stream; insert-only, by trigger as well as by convention.

    `envelope` is the RFC 8785 text whose SHA-256 (with the RFC 6962 leaf prefix) is `hash`;
    the other columns repeat parts of it so that they can be indexed, and `verify` compares them.
    `prev` is the hash of the event before it in the same stream, empty for the first.
    """

    stream = models.ForeignKey(Stream, on_delete=models.PROTECT, related_name="events")
    seq = models.PositiveBigIntegerField()
    prev = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)
    type = models.CharField(max_length=64)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64)
    object_kind = models.CharField(max_length=32, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    domain_id = models.CharField(max_length=36, blank=True)
    occurred_at = models.DateTimeField()
    envelope = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stream", "seq"], name="audit_event_seq_once"),
        ]
        indexes = [
            models.Index(fields=["domain_id", "-id"], name="audit_event_domain"),
            models.Index(fields=["object_kind", "object_id", "id"], name="audit_event_object"),
            models.Index(fields=["type", "-id"], name="audit_event_type"),
        ]

    def __str__(self) -> str:
        return f"{self.stream_id}#{self.seq} {self.type}"


class Payload(models.Model):
    """What an event's envelope commits to but does not contain.

    `fields` is an RFC 8785 object kept as text, so that what was hashed is, byte for byte, what
    is stored on every database; `salts` has one salt for each of its names. The envelope holds
    only the Merkle root over the salted fields, so that one of them can later be disclosed or
    erased without the others.
    """

    event = models.OneToOneField(
        Event, on_delete=models.PROTECT, primary_key=True, related_name="payload"
    )
    fields = models.TextField()
    salts = models.TextField()

    def __str__(self) -> str:
        return f"payload of event {self.event_id}"
