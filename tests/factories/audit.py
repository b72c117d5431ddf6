"""What tests of every app need from the log."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from django.db import connection, models

from audit import registry, triggers
from audit.models import Event, Payload, Stream
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey

NOTED = "test.noted"
registry.register_event_types([(NOTED, "Somebody noted {what}.")])


class AppendFailedError(Exception):
    """What `failing_append()` raises where the event would have been inserted."""


@contextmanager
def failing_append() -> Iterator[None]:
    """Make the INSERT of every event of this thread's connection fail.

    The statement is stopped on its way to the database, in the middle of `events.append`, when
    the use case has made all of its changes. Use it to prove that they are rolled back:

        with failing_append(), pytest.raises(AppendFailedError):
            gates.expire_due()
    """
    with connection.execute_wrapper(_stop_events):
        yield


def _stop_events(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
    if f'INSERT INTO "{Event._meta.db_table}"' in sql:
        raise AppendFailedError("the event could not be appended")
    return execute(sql, *rest)


@contextmanager
def failing(block: AbstractContextManager[Any]) -> Iterator[None]:
    """Run the body inside `block` and make it fail at its end."""
    with suppress(ZeroDivisionError), block:
        yield
        raise ZeroDivisionError


@contextmanager
def unguarded(*written_once: type[models.Model]) -> Iterator[None]:
    """Take the triggers off these models' tables, as whoever owns the database can."""
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        if not sqlite:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in (model._meta.db_table for model in written_once):
            for guard in ("update", "delete", "replace" if sqlite else "truncate"):
                on = "" if sqlite else f" ON {table}"
                cursor.execute(f"DROP TRIGGER {table}_refuses_{guard}{on}")
    yield
    triggers.install()


def note(stream: str = "note:1", what: object = "it", *, domain_id: object = "") -> None:
    """Append one event that belongs to nobody's use case."""
    with recording():
        record(
            stream=StreamKey.parse(stream),
            type=NOTED,
            actor=Actor.system("test"),
            domain_id=domain_id,
            object=ObjectRef("note", "1"),
            payload={"what": what},
        )


def recorded(stream: str | None = None) -> list[str]:
    """Return the types of all events, or of one stream, in order."""
    events = Event.objects.order_by("stream_id", "seq")
    if stream:
        key = StreamKey.parse(stream)
        events = events.filter(stream__kind=key.kind, stream__object_id=key.object_id)
    return list(events.values_list("type", flat=True))


def size_of_the_log() -> tuple[int, int, int]:
    """Return how many streams, events and payloads there are: equal before and after a refusal."""
    return Stream.objects.count(), Event.objects.count(), Payload.objects.count()
