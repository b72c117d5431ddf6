"""The inbox: what waits for people, and what was decided."""

import uuid
from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from governance.models import Person
from governance.selectors import gates, people
from governance.selectors.gate_view import GateRow
from governance.views.answering import page

MOST_SHOWN = 50
# Enough of the list's head to find out how many arrived; more are "50 new" as well.
MOST_NEW = 50


@page
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """Show what waits, the reader's own part first."""
    return render(request, "gates/inbox.html", _waiting(request))


@page
@require_safe
def inbox_news(request: HttpRequest) -> HttpResponse:
    """Return the list as the reader has it, brought up to date without moving anything.

    `shown` are the gates on the page: one that no longer waits stays in its place and says so,
    and one that arrived is only counted, so that no row moves under a pointer. An empty page has
    nothing to keep still and gets the whole list.
    """
    shown = _ids(request.GET.get("shown", ""))
    if not shown:
        return render(request, "gates/inbox_list.html", _waiting(request))
    person = cast("Person", request.user)
    rows = gates.rows_for(person, shown)
    head = gates.inbox_for(person, limit=MOST_NEW)
    arrived = [row for row in head.rows if row.opened_at > max(r.opened_at for r in rows)]
    context = _listed(person, rows) | {"news": len(arrived), "before": request.GET.get("before")}
    return render(request, "gates/inbox_list.html", context)


@page
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """Show what was decided, latest first."""
    person = cast("Person", request.user)
    before = request.GET.get("before", "")
    found = gates.inbox_for(person, state="decided", before=before or None, limit=MOST_SHOWN)
    context = {
        "rows": found.rows,
        "next_url": f"?{urlencode({'before': found.next})}" if found.next else "",
        "first_url": reverse("history") if before else "",
        "waiting": gates.waiting_count_for(person),
    }
    return render(request, "gates/history.html", context)


def _waiting(request: HttpRequest) -> dict[str, Any]:
    person = cast("Person", request.user)
    before = request.GET.get("before", "")
    found = gates.inbox_for(person, before=before or None, limit=MOST_SHOWN)
    return _listed(person, found.rows) | {
        "news": 0,
        "before": before,
        "first_url": reverse("inbox") if before else "",
        "next_url": f"?{urlencode({'before': found.next})}" if found.next else "",
    }


def _listed(person: Person, rows: Sequence[GateRow]) -> dict[str, Any]:
    return {
        "mine": [row for row in rows if row.mine],
        "others": [row for row in rows if not row.mine],
        "shown": ",".join(row.id for row in rows),
        "domain": people.domain_for(person),
        "waiting": gates.waiting_count_for(person),
    }


def _ids(text: str) -> list[str]:
    found = []
    for part in text.split(",")[:MOST_SHOWN]:
        try:
            found.append(str(uuid.UUID(part)))
        except ValueError:
            continue
    return found
