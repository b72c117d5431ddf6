"""Every error as RFC 9457 `application/problem+json`; pages outside the API get HTML."""

import logging
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from governance.refusals import Refusal

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
API_PREFIX = "/api/"


class FieldProblemSerializer(serializers.Serializer[Any]):
    """One place in the request that is wrong."""

    pointer = serializers.CharField(help_text="JSON pointer into the request body.")
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """What every error looks like; `code` is stable, the rest is for people."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = serializers.ListField(  # type: ignore[assignment]  # the member of RFC 9457, no property
        child=FieldProblemSerializer()
    )
    trace_id = serializers.CharField()


REFUSALS = dict.fromkeys((401, 403, 404, 409, 422), ProblemSerializer)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the members of one problem. `type` is about:blank: `code` tells problems apart."""
    return {
        **(extra or {}),
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": errors or [],
        "trace_id": secrets.token_hex(16),
    }


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response:
    """Answer any exception of an API view; the unexpected is logged and shows nothing inside."""
    body = _problem_of(error)
    if body["status"] == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("trace_id=%s %s", body["trace_id"], context.get("view"), exc_info=error)
    return Response(
        body, status=body["status"], headers=_headers_of(error), content_type=CONTENT_TYPE
    )


def _problem_of(error: Exception) -> dict[str, Any]:
    if isinstance(error, Refusal):
        return _of_refusal(error)
    if isinstance(error, exceptions.APIException):
        return _of_api_exception(error)
    if isinstance(error, Http404):
        return problem(404, "not_found", _("There is nothing here that you may see."))
    if isinstance(error, PermissionDenied):
        return problem(403, "permission_denied", _("You may not do this."))
    if isinstance(error, SuspiciousOperation):
        return problem(400, "bad_request", _("The request is malformed."))
    detail = _("Something went wrong here, and nothing was changed. Quote the trace id.")
    return problem(500, "internal_error", detail)


def _of_refusal(refusal: Refusal) -> dict[str, Any]:
    extra = dict(refusal.extra)
    errors = extra.pop("errors", None)
    return problem(refusal.status, refusal.code, refusal.detail, errors=errors, extra=extra)


def _of_api_exception(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        summary = _("The request is not acceptable; see the errors.")
        return problem(422, "invalid", summary, errors=_places(error.detail))
    detail = str(error.detail)
    code = error.detail.code if isinstance(error.detail, exceptions.ErrorDetail) else "error"
    if isinstance(error, exceptions.PermissionDenied) and detail.startswith("CSRF Failed"):
        return problem(403, "csrf_failed", _("The page is too old; reload it and try again."))
    return problem(error.status_code, code or "error", detail)


def _headers_of(error: Exception) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None) or _challenge_for(error):
        headers["WWW-Authenticate"] = challenge
    wait = error.extra.get("retry_after") if isinstance(error, Refusal) else None
    if wait := wait or getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers


def _challenge_for(error: Exception) -> str:
    unauthenticated = isinstance(error, Refusal) and error.status == HTTPStatus.UNAUTHORIZED
    return 'Bearer realm="api"' if unauthenticated else ""


def _places(detail: Any, pointer: str = "") -> list[dict[str, str]]:
    if isinstance(detail, Mapping):
        return [p for key, value in detail.items() for p in _places(value, _join(pointer, key))]
    if isinstance(detail, list) and any(not isinstance(item, str) for item in detail):
        return [p for i, value in enumerate(detail) for p in _places(value, _join(pointer, i))]
    texts = detail if isinstance(detail, list) else [detail]
    return [{"pointer": pointer, "detail": str(text)} for text in texts]


def _join(pointer: str, key: object) -> str:
    if key == "non_field_errors":
        return pointer
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a malformed request (Django's handler400)."""
    if not _is_for_api(request):
        return defaults.bad_request(request, exception)
    return _answer(_problem_of(exception))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a denied permission (Django's handler403)."""
    if not _is_for_api(request):
        return render(request, "403.html", status=403)
    return _answer(_problem_of(exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown address (Django's handler404)."""
    if not _is_for_api(request):
        return render(request, "404.html", status=404)
    return _answer(_problem_of(Http404()))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unexpected error (Django's handler500), which Django has logged.

    The page is rendered without the request: whatever broke may break a page that asks again.
    """
    body = _problem_of(Exception())
    logger.error("trace_id=%s %s", body["trace_id"], request.path)
    if _is_for_api(request):
        return _answer(body)
    return HttpResponse(render_to_string("500.html", {"problem": body}), status=500)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose CSRF token is missing or stale (CSRF_FAILURE_VIEW)."""
    if not _is_for_api(request):
        return render(request, "403_csrf.html", status=403)
    detail = _("The page is too old; reload it and try again.")
    return _answer(problem(403, "csrf_failed", detail))


def _is_for_api(request: HttpRequest) -> bool:
    return request.path.startswith(API_PREFIX)


def _answer(body: dict[str, Any]) -> HttpResponse:
    return JsonResponse(body, status=body["status"], content_type=CONTENT_TYPE)
