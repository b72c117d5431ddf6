"""The audit list and the page of one event."""

import json
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit.selectors.events import LogPage, event_for, page_for
from audit.selectors.filters import Filters
from audit.views.forms import LogFilter

LARGEST = 2**63 - 1
NOTHING = LogPage((), None)


@login_required
@never_cache
@require_safe
def log(request: HttpRequest) -> HttpResponse:
    """Show the log of every domain the person may read, newest first; the address is the query."""
    form = LogFilter(request.GET)
    filters = form.filters()
    before = _cursor(request.GET.get("before", ""))
    page = page_for(request.user, filters or Filters(), before=before)
    if page is None:
        raise PermissionDenied(_("The audit log is read by people with the permission to."))
    chosen = {name: value for name in form.fields if (value := request.GET.get(name, ""))}
    context = {
        "form": form,
        "rows": page.rows if filters else (),
        "filtered": bool(chosen),
        "first_url": f"?{urlencode(chosen)}" if before else "",
        "next_url": f"?{urlencode({**chosen, 'before': page.next})}" if page.next else "",
    }
    return render(request, "audit/list.html", context, status=200 if filters else 422)


@login_required
@never_cache
@require_safe
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """Show one event with what its hash covers, recomputed while the page is made."""
    detail = event_for(request.user, event_id) if event_id <= LARGEST else None
    if detail is None:
        raise Http404
    row = detail.row
    context = {
        "detail": detail,
        "row": row,
        "payload": json.dumps(row.payload, indent=2, ensure_ascii=False),
        "stream_query": urlencode({"stream": row.stream}),
        "object_query": urlencode({"object": f"{row.object.kind}:{row.object.id}"})
        if row.object
        else "",
    }
    return render(request, "audit/event.html", context)


def _cursor(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) <= LARGEST else None
