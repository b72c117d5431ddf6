"""How every page of governance answers: signed in, or told why not in one sentence."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from governance.refusals import Forbidden, Refusal
from governance.selectors import people

View = Callable[..., HttpResponse]
READING = ("GET", "HEAD", "OPTIONS")


def page(view: View) -> View:
    """Ask for a signed-in person, and answer a refusal with its own page and status."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return _unknown(request)
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


def _unknown(request: HttpRequest) -> HttpResponse:
    """Ask a reader to sign in; whoever sent something is told first that nothing was done.

    The sentence goes above the form that was sent, so that what was typed stays.
    """
    if people.is_inactive(request.session.get(SESSION_KEY)):
        refusal: Refusal = Forbidden("inactive_person", _("Your account is not active."))
    elif request.method in READING:
        return redirect_to_login(request.get_full_path())
    else:
        detail = _("You are signed out. Sign in, load the page again and send it once more.")
        refusal = Refusal("signed_out", detail, status=401)
    answer = refused(request, refusal)
    answer["HX-Reswap"] = "afterbegin"
    return answer
