"""Cursors of lists that are newest first: the place of the last row, never a row number."""

from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _

from governance.refusals import Invalid

Row = TypeVar("Row", bound=Model)

MOST_ROWS = 200


def page_of(rows: QuerySet[Row], before: str, limit: int) -> tuple[list[Row], str]:
    """Return at most `limit` rows that are older than the cursor, and the cursor after them.

    Raises Invalid `invalid_cursor` for text that no page gave out.
    """
    limit = max(1, min(limit, MOST_ROWS))
    ordered = rows.order_by("-created_at", "-id")
    if before:
        created_at, pk = _read(before)
        # This form lets the index on created_at do the work on both databases.
        ordered = ordered.filter(created_at__lte=created_at).exclude(
            Q(created_at=created_at, id__gte=pk)
        )
    found = list(ordered[: limit + 1])
    shown = found[:limit]
    return shown, _written(shown[-1]) if len(found) > limit else ""


def _written(row: Model) -> str:
    created_at: datetime = getattr(row, "created_at")  # noqa: B009 - every listed model has it
    return f"{created_at.astimezone(UTC):%Y%m%dT%H%M%S%f}.{row.pk}"


def _read(cursor: str) -> tuple[datetime, UUID]:
    moment, _dot, pk = cursor.partition(".")
    try:
        return datetime.strptime(f"{moment}+0000", "%Y%m%dT%H%M%S%f%z"), UUID(pk)
    except ValueError:
        detail = _("This is not a cursor of this list; start again without one.")
        raise Invalid("invalid_cursor", detail) from None
