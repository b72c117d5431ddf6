"""The gate page: what exactly would happen, and the one form that decides it."""

import uuid
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from governance.models import Person, Verb
from governance.refusals import Refusal
from governance.selectors import gates
from governance.selectors.gate_view import GateView
from governance.services import reviews
from governance.views.answering import page
from governance.views.exhibits import portion, shown

PART_DIGITS = 6


@page
@never_cache
@require_safe
def gate(request: HttpRequest, gate_id: uuid.UUID) -> HttpResponse:
    """Show one gate. Reading decides nothing and writes nothing."""
    return _page(request, gates.gate_for(_person(request), gate_id))


@page
@never_cache
@require_safe
def gate_strip(request: HttpRequest, gate_id: uuid.UUID) -> HttpResponse:
    """Return the part of the page that moves by itself: state, seats, deadline."""
    view = gates.gate_for(_person(request), gate_id)
    return render(request, "gates/strip.html", {"gate": view})


@page
@never_cache
@require_safe
def gate_exhibit(request: HttpRequest, gate_id: uuid.UUID, exhibit_id: uuid.UUID) -> HttpResponse:
    """Show one portion of what is attached to a gate, to whoever sees the gate."""
    view = gates.gate_for(_person(request), gate_id)
    asked = request.GET.get("part", "1")
    number = int(asked) if asked.isdecimal() and len(asked) <= PART_DIGITS else 0
    found = (each for each in (*view.change, *view.findings) if each.id == str(exhibit_id))
    item = portion(exhibit, number) if (exhibit := next(found, None)) else None
    if item is None:
        raise Refusal("not_found", _("There is no such part of an exhibit."), status=404)
    return render(request, "gates/exhibit.html", {"gate": view, "item": item, "part": number})


@page
@never_cache
@require_POST
def gate_review(request: HttpRequest, gate_id: uuid.UUID) -> HttpResponse:
    """Give one review. A refusal says what was not done and shows the gate as it is now."""
    person = _person(request)
    try:
        review = reviews.give(
            gate_id=gate_id,
            person=person,
            verb=request.POST.get("verb", ""),
            comment=request.POST.get("comment", ""),
            stamp=request.POST.get("stamp", ""),
            idempotency_key=request.POST.get("key", ""),
            channel="web",
        )
    except Refusal as refusal:
        return _refused(request, gate_id, refusal)
    if not getattr(request, "htmx", False):
        messages.success(request, _given(review.verb))
        return redirect("gate", gate_id=gate_id)
    view = gates.gate_for(person, gate_id)
    return _panel(request, view, given=_given(review.verb))


def _refused(request: HttpRequest, gate_id: uuid.UUID, refusal: Refusal) -> HttpResponse:
    view = gates.gate_for(_person(request), gate_id)
    more = {"refusal": refusal, "comment": request.POST.get("comment", "")}
    if getattr(request, "htmx", False):
        return _panel(request, view, status=refusal.status, **more)
    return _page(request, view, status=refusal.status, **more)


def _page(request: HttpRequest, view: GateView, *, status: int = 200, **more: Any) -> HttpResponse:
    split = request.GET.get("diff") == "split"
    context = _panel_context(view) | {
        "change": shown(view.change),
        "findings": shown(view.findings),
        "diff_view": "split" if split else "unified",
        **more,
    }
    return render(request, "gates/gate.html", context, status=status)


def _panel(
    request: HttpRequest, view: GateView, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = _panel_context(view) | more
    return render(request, "gates/decide.html", context, status=status)


def _panel_context(view: GateView) -> dict[str, Any]:
    missing = sum(max(seat.needed - seat.filled, 0) for seat in view.seats)
    return {"gate": view, "key": uuid.uuid4().hex, "is_last_seat": missing <= 1}


def _given(verb: str) -> str:
    if verb == Verb.REJECT:
        return _("You rejected this. Nothing is done.")
    return _("You approved this.")


def _person(request: HttpRequest) -> Person:
    return cast("Person", request.user)
