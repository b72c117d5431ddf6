"""What a person sets for themselves, and what who manages people sets for all."""

from datetime import timedelta
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from audit.types import Actor
from governance.models import Person, Token
from governance.refusals import Refusal
from governance.selectors import people as people_selector
from governance.selectors import tokens as token_selector
from governance.services import people, tokens
from governance.views.answering import page
from governance.views.forms import PasswordForm, TokenForm, WebhookForm

YEAR = 365 * 24 * 3600
THEMES = ("auto", "light", "dark")


@page
@require_safe
def settings(request: HttpRequest) -> HttpResponse:
    """Show every setting on one page."""
    return shown(request)


def shown(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    """Render the settings, with a refused form or a secret that is shown once in `more`."""
    person = cast("Person", request.user)
    domain = people_selector.domain_for(person)
    manages = "manage_people" in people_selector.permissions_for(person, domain)
    context = {
        "password_form": PasswordForm(),
        "token_form": TokenForm(),
        "webhook_form": WebhookForm(),
        "tokens": token_selector.live_tokens_of(person),
        "theme": request.COOKIES.get("theme", "auto"),
        "keys_off": request.COOKIES.get("keys") == "off",
        "manages": manages,
        "webhooks": domain.webhooks.filter(is_active=True).order_by("url") if manages else (),
        **more,
    }
    return render(request, "settings/settings.html", context, status=status)


@page
@require_POST
def appearance(request: HttpRequest) -> HttpResponse:
    """Keep theme and single-key shortcuts in cookies, which the server reads at first paint."""
    answer = redirect("settings")
    theme = request.POST.get("theme")
    if theme in THEMES:
        answer.set_cookie("theme", theme, max_age=YEAR, samesite="Lax")
    keys = request.POST.get("keys")
    if keys in ("on", "off"):
        answer.set_cookie("keys", keys, max_age=YEAR, samesite="Lax")
    return answer


@page
@never_cache
@sensitive_post_parameters("current", "password")
@require_POST
def password(request: HttpRequest) -> HttpResponse:
    """Set a password and keep this session; every other one ends."""
    person = cast("Person", request.user)
    form = PasswordForm(request.POST)
    if not form.is_valid():
        return shown(request, status=422, password_form=form)
    try:
        people.set_password(person=person, **form.cleaned_data)
    except Refusal as refusal:
        wrong = "current" if refusal.code == "wrong_password" else "password"
        form.add_error(wrong, refusal.detail)
        return shown(request, status=refusal.status, password_form=form)
    update_session_auth_hash(request, person)
    messages.success(request, _("Your password is set. Other sessions of yours have ended."))
    return redirect("settings")


@page
@never_cache
@require_POST
def token_issue(request: HttpRequest) -> HttpResponse:
    """Issue a personal token; its secret is in this one answer and nowhere else."""
    person = cast("Person", request.user)
    form = TokenForm(request.POST)
    if not form.is_valid():
        return shown(request, status=422, token_form=form)
    try:
        token, secret = tokens.issue(
            person=person,
            name=form.cleaned_data["name"],
            ttl=timedelta(days=form.cleaned_data["days"]),
            actor=Actor.person(person.pk),
        )
    except Refusal as refusal:
        form.add_error(None, refusal.detail)
        return shown(request, status=refusal.status, token_form=form)
    return shown(request, token_secret=secret, new_token=token)


@page
@require_POST
def token_revoke(request: HttpRequest, token_id: str) -> HttpResponse:
    """End one of the person's own tokens."""
    person = cast("Person", request.user)
    token = token_selector.live_tokens_of(person).filter(pk=token_id).first()
    if token is None:
        raise Refusal("not_found", _("You have no such token."), status=404)
    _revoke(token, person)
    messages.success(request, _("“%(token)s” opens nothing any more.") % {"token": token.name})
    return redirect("settings")


def _revoke(token: Token, person: Person) -> None:
    tokens.revoke(token=token, actor=Actor.person(person.pk))


@page
@never_cache
@require_POST
def invitation(request: HttpRequest) -> HttpResponse:
    """Make a link by which one more person can join; it is in this one answer and nowhere else."""
    person = cast("Person", request.user)
    secret = people.invite(domain=people_selector.domain_for(person), inviter=person)
    link = request.build_absolute_uri(reverse("enrol", args=[secret]))
    return shown(request, invitation_link=link)
