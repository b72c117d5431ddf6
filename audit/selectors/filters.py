"""What somebody is looking for in the log, as it stands in an address."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from django.db.models import QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from audit.models import Event
from audit.types import StreamKey

_TYPE = re.compile(r"[a-z_]{1,32}(\.[a-z_]{0,32})?", re.ASCII)
_REFERENCE = re.compile(r"(?:([a-z_-]{1,32}):)?([^\s:]{1,64})|([a-z_-]{1,32}):")
TEXT_LIMIT = 200


class FilterError(ValueError):
    """A filter nobody can apply; `field` is its name in the address."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Filters:
    """Every condition is optional and all of them must hold.

    `actor` and `object` are `kind:`, `kind:id` or an id alone; `type` is a name of the catalogue
    or its first part with a dot; `text` is looked for in the recorded details; times are UTC and
    `until` is exclusive.
    """

    actor: str = ""
    type: str = ""
    object: str = ""
    stream: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "Filters":
        """Read the filters of an address; raises FilterError for one that makes no sense."""
        told = {name: given.get(name, "").strip() for name in cls.__slots__}
        return cls(
            actor=_matching("actor", told["actor"], _REFERENCE),
            type=_matching("type", told["type"], _TYPE),
            object=_matching("object", told["object"], _REFERENCE),
            stream=_stream(told["stream"]),
            text=_text(told["text"]),
            since=_moment("since", told["since"]),
            until=_moment("until", told["until"]),
        )

    def apply(self, events: QuerySet[Event]) -> QuerySet[Event]:
        """Return the events for which every condition holds."""
        conditions: dict[str, Any] = _reference("actor", self.actor)
        conditions |= _reference("object", self.object)
        if self.type:
            conditions["type__startswith" if self.type.endswith(".") else "type"] = self.type
        if self.stream:
            key = StreamKey.parse(self.stream)
            conditions |= {"stream__kind": key.kind, "stream__object_id": key.object_id}
        if self.text:
            # Details are stored as JSON, where a quotation mark for example is escaped.
            written = json.dumps(self.text, ensure_ascii=False)[1:-1]
            conditions["payload__fields__icontains"] = written
        if self.since:
            conditions["occurred_at__gte"] = self.since
        if self.until:
            conditions["occurred_at__lt"] = self.until
        return events.filter(**conditions)


def _reference(column: str, text: str) -> dict[str, str]:
    kind, _separator, found = text.rpartition(":")
    named = {f"{column}_kind": kind, f"{column}_id": found}
    return {name: value for name, value in named.items() if value}


def _matching(field: str, text: str, form: re.Pattern[str]) -> str:
    if text and not form.fullmatch(text):
        raise FilterError(field, _("“%(text)s” cannot be looked for here.") % {"text": text[:80]})
    return text


def _stream(text: str) -> str:
    try:
        return str(StreamKey.parse(text)) if text else ""
    except ValueError:
        detail = _("A stream is named like run:9f1c, not “%(text)s”.")
        raise FilterError("stream", detail % {"text": text[:80]}) from None


def _text(text: str) -> str:
    if len(text) > TEXT_LIMIT or "\0" in text:
        detail = _("Look for at most %(limit)d ordinary characters.")
        raise FilterError("text", detail % {"limit": TEXT_LIMIT})
    return text


def _moment(field: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = parse_datetime(text) or _midnight(text)
    except ValueError:
        moment = None
    if moment is None:
        detail = _("A time is written like 2026-11-20 or 2026-11-20T10:00, not “%(text)s”.")
        raise FilterError(field, detail % {"text": text[:80]})
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _midnight(text: str) -> datetime | None:
    day = parse_date(text)
    return datetime.combine(day, time.min) if day else None
