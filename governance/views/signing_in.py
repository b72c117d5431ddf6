"""The ways in and the way out. Opening a link never uses it up: only its button does."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from governance.models import Person
from governance.refusals import Refusal
from governance.selectors import signin_links
from governance.selectors.signin_links import LinkView
from governance.services import people, signing_in
from governance.views.answering import refused
from governance.views.forms import NameForm, SigninForm
from governance.visible import visible


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def signin(request: HttpRequest) -> HttpResponse:
    """Sign in with a password; `next` is followed within this site only."""
    if request.user.is_authenticated and request.method != "POST":
        return redirect("inbox")
    form = SigninForm(request.POST or None)
    onward = request.POST.get("next") or request.GET.get("next", "")
    context: dict[str, Any] = {"form": form, "next": onward}
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render(request, "people/signin.html", context, status=status)
    try:
        person = signing_in.with_password(
            username=form.cleaned_data["username"],
            password=form.cleaned_data["password"],
            address=request.META.get("REMOTE_ADDR", ""),
        )
    except Refusal as refusal:
        context["refusal"] = refusal
        return render(request, "people/signin.html", context, status=refusal.status)
    login(request, person, backend=signing_in.SESSION_BACKEND)
    return HttpResponseRedirect(_onward(request, onward))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def enrol(request: HttpRequest, secret: str) -> HttpResponse:
    """Open a one-time link: say what it does, and do it when its button is pressed.

    Who is somebody here already does not become a second person: four eyes are two people's.
    """
    try:
        link = signin_links.open_link(secret)
    except Refusal as refusal:
        return _closed(request, refusal)
    if request.user.is_authenticated and link.person is None:
        return refused(request, _already(request.user))
    form = NameForm(request.POST or None)
    if request.method != "POST" or (link.person is None and not form.is_valid()):
        status = 422 if request.method == "POST" else 200
        return render(request, "people/enrol.html", {"link": link, "form": form}, status=status)
    try:
        person = _redeemed(secret, link, form)
    except Refusal as refusal:
        if refusal.code not in ("invalid_name", "name_taken"):
            return _closed(request, refusal)
        form.add_error("display_name", refusal.detail)
        context = {"link": link, "form": form}
        return render(request, "people/enrol.html", context, status=refusal.status)
    login(request, person, backend=signing_in.SESSION_BACKEND)
    if link.person is None:
        messages.success(request, _("Welcome, %(name)s.") % {"name": person})
    return redirect("inbox")


@require_POST
def signout(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect("signin")


def _redeemed(secret: str, link: LinkView, form: NameForm) -> Person:
    if link.purpose == "person":
        return signing_in.with_link(link_secret=secret)
    name = form.cleaned_data["display_name"]
    if link.purpose == "first":
        return people.enrol_first(link_secret=secret, display_name=name)
    return people.accept(link_secret=secret, display_name=name)


def _closed(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    context = {"refusal": refusal}
    return render(request, "people/link_closed.html", context, status=refusal.status)


def _already(person: object) -> Refusal:
    detail = _(
        "You are %(name)s here already, and nobody decides as two people. If you are somebody "
        "else, sign out first and open the link again."
    )
    return Refusal("already_somebody", detail % {"name": visible(str(person))})


def _onward(request: HttpRequest, wanted: str) -> str:
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else resolve_url("inbox")
