"""How every page of governance answers: signed in, or told why not in one sentence."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from governance.refusals import Refusal

View = Callable[..., HttpResponse]


def page(view: View) -> View:
    """Ask for a signed-in person, and answer a refusal with its own page and status."""

    @login_required
    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Refusal as refusal:
            return refused(request, refusal)

    return answered


def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Say what was not done and what to do, as a fragment for htmx and as a page otherwise."""
    fragment = bool(getattr(request, "htmx", False))
    template = "errors/refusal_fragment.html" if fragment else "errors/refusal.html"
    return render(request, template, {"refusal": refusal}, status=refusal.status)
