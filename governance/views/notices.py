"""The bell: what this person was told and has not read."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from governance.models import Person
from governance.selectors import notices as selector
from governance.services import notices as service
from governance.views.answering import page


@page
@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    """List the unread notices; looking at them does not mark them."""
    return render(request, "people/notices.html", {"notices": selector.unread_for(request.user)})


@page
@require_POST
def notices_read(request: HttpRequest) -> HttpResponse:
    """Take the notices that were shown off the bell, not the ones that came since."""
    person = cast("Person", request.user)
    shown = [notice.pk for notice in selector.unread_for(person)]
    asked = set(request.POST.getlist("notice"))
    service.mark_read(person=person, notice_ids=[pk for pk in shown if str(pk) in asked])
    return redirect("notices")
