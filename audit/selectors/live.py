"""What a live connection asks again and again: who is it still, and what may they still see."""

from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.db.models import Max
from django.http import HttpRequest

from audit import registry
from audit.models import Event, Stream
from audit.topics import ListTopic, StreamTopic, Topic


def signed_in(session_key: str | None) -> Any | None:
    """Return the person of a session, read from the database now; None when it is over."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    person = auth.get_user(request)
    return person if person.is_authenticated else None


def versions_for(person: Any, topics: Collection[Topic]) -> Mapping[Topic, int]:
    """Return how far each topic is; what does not exist or is not theirs to see is left out."""
    visible = [topic for topic in topics if _may_view(person, topic)]
    streams = [topic for topic in visible if isinstance(topic, StreamTopic)]
    lists = [topic for topic in visible if isinstance(topic, ListTopic)]
    return {**_heads(streams), **_list_versions(lists)}


def _may_view(person: Any, topic: Topic) -> bool:
    if isinstance(topic, StreamTopic):
        return registry.may_view_stream(person, topic.key)
    return registry.may_view_list(person, topic.name, topic.domain_id)


def _heads(topics: Collection[StreamTopic]) -> dict[Topic, int]:
    if not topics:
        return {}
    found = Stream.objects.named(topic.key for topic in topics)
    heads = {(s.kind, s.object_id): s.last_seq for s in found}
    return {topic: heads.get((topic.key.kind, topic.key.object_id), 0) for topic in topics}


def _list_versions(topics: Collection[ListTopic]) -> dict[Topic, int]:
    # Every change of a list is an event of its domain, so this notices a ring that got lost.
    versions: dict[Topic, int] = {}
    for topic in topics:
        newest = Event.objects.filter(domain_id=topic.domain_id).aggregate(id=Max("id"))
        versions[topic] = newest["id"] or 0
    return versions
