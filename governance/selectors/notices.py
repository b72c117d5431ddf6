"""What the bell shows a person."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from governance.models import Channel, Notice, Person

MOST_SHOWN = 20


def unread_for(person: Any, *, limit: int = MOST_SHOWN) -> Sequence[Notice]:
    """Return the person's unread notices in the app, newest first."""
    return list(_unread(person).order_by("-created_at", "id")[:limit])


def unread_count_for(person: Any) -> int:
    """Return the number on the person's bell."""
    return _unread(person).count()


def _unread(person: Any) -> QuerySet[Notice]:
    if not isinstance(person, Person):
        return Notice.objects.none()
    return Notice.objects.filter(person=person, channel=Channel.IN_APP, read_at=None)
