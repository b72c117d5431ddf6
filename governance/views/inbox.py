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
from governance.selectors import inbox as selector
from governance.selectors import people
from governance.selectors.gate_view import GateRow
from governance.views.answering import page

MOST_SHOWN = 50


@page
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """Show what waits, the reader's own part first."""
    return render(request, "gates/inbox.html", _waiting(request))


@page
@require_safe
def inbox_news(request: HttpRequest) -> HttpResponse:
    """Return the list as the reader has it, brought up to date without moving anything.

    `mine` and `others` are the gates on the page: one that no longer waits stays in its place and
    says so, and one that arrived is only counted, so that no row moves under a pointer. An empty
    page has nothing to keep still and gets the whole list.
    """
    person = cast("Person", request.user)
    mine, others = _ids(request.GET.get("mine", "")), _ids(request.GET.get("others", ""))
    if not mine and not others:
        context = _waiting(request) | {"waiting": selector.waiting_count_for(person)}
        return render(request, "gates/inbox_list.html", context)
    rows = selector.rows_for(person, [*mine, *others])
    context = {
        "mine": [row for row in rows if row.id in mine],
        "others": [row for row in rows if row.id in others],
        "news": 0 if request.GET.get("before") else _arrived_since(person, rows),
        "waiting": selector.waiting_count_for(person),
    }
    return render(request, "gates/inbox_list.html", context)


@page
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """Show what was decided, latest first."""
    person = cast("Person", request.user)
    before = request.GET.get("before", "")
    found = selector.inbox_for(person, state="decided", before=before or None, limit=MOST_SHOWN)
    context = {
        "rows": found.rows,
        "next_url": f"?{urlencode({'before': found.next})}" if found.next else "",
        "first_url": reverse("history") if before else "",
    }
    return render(request, "gates/history.html", context)


def _waiting(request: HttpRequest) -> dict[str, Any]:
    person = cast("Person", request.user)
    before = request.GET.get("before", "")
    found = selector.inbox_for(person, before=before or None, limit=MOST_SHOWN)
    mine = [row for row in found.rows if row.mine]
    others = [row for row in found.rows if not row.mine]
    shown = {"mine": _joined(mine), "others": _joined(others), "before": before}
    return {
        "mine": mine,
        "others": others,
        "news": 0,
        "domain": people.domain_for(person),
        "news_url": f"{reverse('inbox-news')}?{urlencode(shown, safe=',')}",
        "first_url": reverse("inbox") if before else "",
        "next_url": f"?{urlencode({'before': found.next})}" if found.next else "",
    }


def _arrived_since(person: Person, rows: Sequence[GateRow]) -> int:
    newest = max((row.opened_at for row in rows), default=None)
    head = selector.inbox_for(person, limit=MOST_SHOWN)
    return sum(newest is None or row.opened_at > newest for row in head.rows)


def _joined(rows: Sequence[GateRow]) -> str:
    return ",".join(row.id for row in rows)


def _ids(text: str) -> set[str]:
    found = set()
    for part in text.split(",")[:MOST_SHOWN]:
        try:
            found.add(str(uuid.UUID(part)))
        except ValueError:
            continue
    return found
