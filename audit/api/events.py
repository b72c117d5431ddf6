"""The log over the API: one stream by cursor, and the audit list."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.selectors.events import (
    PAGE_LIMIT,
    STREAM_LIMIT,
    EventRow,
    Named,
    events_for,
    page_for,
)
from audit.selectors.filters import FilterError, Filters
from audit.types import StreamKey

LARGEST = 2**63 - 1


class NamedSerializer(serializers.Serializer[Any]):
    """An actor or object. `label` is what people call it, `link` its page or empty."""

    kind = serializers.CharField()
    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # the name of a field, no option
    link = serializers.CharField(allow_blank=True)


class EventSerializer(serializers.Serializer[Any]):
    """One event. `hash` is the RFC 6962 leaf over its canonical envelope, in hexadecimal."""

    seq = serializers.IntegerField()
    type = serializers.CharField()
    time = serializers.DateTimeField()
    actor = NamedSerializer()
    object = NamedSerializer(allow_null=True)
    sentence = serializers.CharField()
    payload = serializers.DictField()
    hash = serializers.CharField()


class StreamPageSerializer(serializers.Serializer[Any]):
    """Events after a cursor, oldest first; `head` is the newest `seq` there is."""

    stream = serializers.CharField()
    head = serializers.IntegerField()
    events = EventSerializer(many=True)


class LoggedEventSerializer(EventSerializer):
    """An event with the stream it stands in."""

    id = serializers.IntegerField()
    stream = serializers.CharField()


class LogPageSerializer(serializers.Serializer[Any]):
    """A page of the log, newest first; `next` goes into `before` and is null on the last page."""

    events = LoggedEventSerializer(many=True)
    next = serializers.IntegerField(allow_null=True)


class StreamQuerySerializer(serializers.Serializer[Any]):
    """Which events of which stream."""

    stream = serializers.CharField(help_text="Such as run:9f1c4b0e-...")
    after = serializers.IntegerField(default=0, min_value=0, max_value=LARGEST)
    limit = serializers.IntegerField(default=STREAM_LIMIT, min_value=1, max_value=STREAM_LIMIT)


class LogQuerySerializer(serializers.Serializer[Any]):
    """What to look for, and where to go on."""

    actor = serializers.CharField(default="", allow_blank=True, help_text="kind:, kind:id or id")
    type = serializers.CharField(
        default="", allow_blank=True, help_text="A name, or its first part with the dot"
    )
    object = serializers.CharField(default="", allow_blank=True, help_text="kind:, kind:id or id")
    stream = serializers.CharField(default="", allow_blank=True, help_text="Such as run:9f1c-...")
    text = serializers.CharField(
        default="", allow_blank=True, help_text="Looked for in the recorded details"
    )
    since = serializers.CharField(
        default="", allow_blank=True, help_text="ISO 8601, UTC when it has no offset"
    )
    until = serializers.CharField(default="", allow_blank=True, help_text="ISO 8601, exclusive")
    before = serializers.IntegerField(default=None, min_value=1, max_value=LARGEST)
    limit = serializers.IntegerField(default=50, min_value=1, max_value=PAGE_LIMIT)


def _refusal(words: str) -> OpenApiResponse:
    return OpenApiResponse(description=words)


class EventsView(APIView):
    """One stream, by cursor."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="events",
        parameters=[StreamQuerySerializer],
        responses={
            200: StreamPageSerializer,
            404: _refusal("There is no such stream, or it is not yours to see."),
            422: _refusal("A parameter cannot be understood."),
        },
    )
    def get(self, request: Request) -> Response:
        """Return the events after `after`. Ask again with the last `seq` until it is `head`."""
        query = _checked(StreamQuerySerializer(data=request.query_params))
        try:
            key = StreamKey.parse(query["stream"])
        except ValueError:
            raise Http404 from None
        page = events_for(request.user, key, after=query["after"], limit=query["limit"])
        if page is None:
            raise Http404
        events = [_event(row) for row in page.events]
        return Response({"stream": page.stream, "head": page.head, "events": events})


class LogView(APIView):
    """The audit list."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="audit",
        parameters=[LogQuerySerializer],
        responses={
            200: LogPageSerializer,
            403: _refusal("No domain's log is yours to read."),
            422: _refusal("A parameter cannot be understood."),
        },
    )
    def get(self, request: Request) -> Response:
        """Return a page of the log of every domain the caller may read, newest first."""
        query = _checked(LogQuerySerializer(data=request.query_params))
        try:
            filters = Filters.parse({name: query[name] for name in Filters.__slots__})
        except FilterError as error:
            raise serializers.ValidationError({error.field: error.detail}) from None
        page = page_for(request.user, filters, before=query["before"], limit=query["limit"])
        if page is None:
            raise PermissionDenied
        events = [{"id": row.id, "stream": row.stream, **_event(row)} for row in page.rows]
        return Response({"events": events, "next": page.next})


def _checked(serializer: "serializers.Serializer[Any]") -> Mapping[str, Any]:
    serializer.is_valid(raise_exception=True)
    query: Mapping[str, Any] = serializer.validated_data
    return query


def _event(row: EventRow) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "type": row.type,
        "time": row.time,
        "actor": _named(row.actor),
        "object": _named(row.object) if row.object else None,
        "sentence": row.sentence,
        "payload": row.payload,
        "hash": row.hash,
    }


def _named(named: Named) -> dict[str, str]:
    return {"kind": named.kind, "id": named.id, "label": named.label, "link": named.link}
