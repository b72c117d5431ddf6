"""Two answers for machines: is the process alive, and may it be given work."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from orchestrator.selectors import health


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    return HttpResponse("alive\n", content_type="text/plain")


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    checks = health.readiness()
    is_ready = all(check.is_good for check in checks)
    body = {"ready": is_ready, "checks": {check.name: check.detail for check in checks}}
    return JsonResponse(body, status=200 if is_ready else 503)
