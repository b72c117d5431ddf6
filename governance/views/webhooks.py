"""Addresses outside that hear about a domain's gates."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from governance.models import Person
from governance.refusals import Refusal
from governance.selectors import people
from governance.services import webhooks
from governance.views.answering import page
from governance.views.forms import WebhookForm
from governance.views.settings import shown


@page
@never_cache
@require_POST
def webhook_add(request: HttpRequest) -> HttpResponse:
    """Add an address; the secret that signs its notices is in this one answer."""
    person = cast("Person", request.user)
    form = WebhookForm(request.POST)
    if not form.is_valid():
        return shown(request, status=422, webhook_form=form)
    try:
        webhook = webhooks.register(
            domain=people.domain_for(person), url=form.cleaned_data["url"], person=person
        )
    except Refusal as refusal:
        form.add_error("url", refusal.detail)
        return shown(request, status=refusal.status, webhook_form=form)
    return shown(request, webhook_secret=webhook.secret)


@page
@require_POST
def webhook_remove(request: HttpRequest, webhook_id: str) -> HttpResponse:
    """Stop sending to an address."""
    person = cast("Person", request.user)
    webhook = people.domain_for(person).webhooks.filter(pk=webhook_id).first()
    if webhook is None:
        raise Refusal("not_found", _("There is no such address here."), status=404)
    webhooks.remove(webhook=webhook, person=person)
    messages.success(request, _("Nothing is sent to %(url)s any more.") % {"url": webhook.url})
    return redirect("settings")
