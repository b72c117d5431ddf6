"""Events that a stranger can cause at will: the first of a kind is kept, not every one."""

import json
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from audit.models import Event, Payload, Stream
from audit.services.events import record
from audit.types import Actor, ObjectRef, StreamKey


def record_unless_lately(
    *,
    stream: StreamKey,
    type: str,
    actor: Actor,
    domain_id: object,
    object: ObjectRef,
    payload: Mapping[str, Any],
    alike: Collection[str],
    within: timedelta,
) -> bool:
    """Record an event unless one like it is there already; returns whether it was recorded.

    Like it is one of the same stream, type, actor and object whose payload says the same under
    the names in `alike`. Joins the caller's recording() and holds the stream first, so that of
    two at one moment one is recorded.
    """
    Stream.objects.named([stream]).select_for_update().first()
    earlier = Event.objects.filter(
        stream__in=Stream.objects.named([stream]),
        type=type,
        actor_kind=actor.kind,
        actor_id=actor.id,
        object_kind=object.kind,
        object_id=object.id,
        occurred_at__gt=Now() - within,
    )
    said = Payload.objects.filter(event__in=earlier).values_list("fields", flat=True)
    wanted = {name: payload[name] for name in alike}
    if any(wanted.items() <= json.loads(fields).items() for fields in said):
        return False
    record(
        stream=stream,
        type=type,
        actor=actor,
        domain_id=domain_id,
        object=object,
        payload=payload,
    )
    return True
