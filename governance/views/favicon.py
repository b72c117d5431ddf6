"""The tab's icon, with the number of gates that wait for the reader."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

MOST = 99


@require_safe
@cache_control(public=True, max_age=86_400)
def favicon(request: HttpRequest) -> HttpResponse:
    """Draw the mark, and the count given in the address; it says nothing about anybody."""
    given = request.GET.get("n", "")
    count = min(int(given), MOST) if given.isascii() and given.isdecimal() else 0
    drawing = render_to_string("shell/favicon.svg", {"count": count})
    return HttpResponse(drawing, content_type="image/svg+xml")
