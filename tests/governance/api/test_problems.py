import json
import logging
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404
from django.test import Client, RequestFactory
from rest_framework import exceptions
from rest_framework.test import APIClient

from governance.api import problems
from governance.refusals import Gone, Invalid, Refusal

MEMBERS = {"type", "title", "status", "detail", "code", "errors", "trace_id"}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Refusal("already_decided", "Too late.", by="Grace"), 409, "already_decided"),
        (Gone("expired", "Its time is over."), 410, "expired"),
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "permission_denied"),
        (SuspiciousOperation(), 400, "bad_request"),
        (exceptions.NotFound(), 404, "not_found"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.ParseError(), 400, "parse_error"),
        (exceptions.UnsupportedMediaType("text/x"), 415, "unsupported_media_type"),
        (exceptions.Throttled(wait=7), 429, "throttled"),
        (ZeroDivisionError("secret"), 500, "internal_error"),
    ],
)
def test_every_error_is_a_problem(error: Exception, status: int, code: str) -> None:
    answer = problems.problem_response(error, {})

    assert set(answer.data) >= MEMBERS
    assert (answer.status_code, answer.data["status"], answer.data["code"]) == (
        status,
        status,
        code,
    )
    assert answer.content_type == "application/problem+json"


def test_a_refusal_keeps_what_it_says_besides() -> None:
    answer = problems.problem_response(Refusal("already_decided", "Too late.", by="Grace"), {})

    assert (answer.data["by"], answer.data["detail"]) == ("Grace", "Too late.")


def test_nothing_a_refusal_adds_can_replace_a_member() -> None:
    answer = problems.problem_response(Refusal("x", "y", type="z", trace_id="w"), {})

    assert answer.data["type"] == "about:blank"
    assert answer.data["trace_id"] != "w"


def test_places_are_json_pointers() -> None:
    error = exceptions.ValidationError(
        {"a/b": ["no"], "list": [{}, {"c": ["bad", "worse"]}], "non_field_errors": ["all"]}
    )

    assert problems.problem_response(error, {}).data["errors"] == [
        {"pointer": "/a~1b", "detail": "no"},
        {"pointer": "/list/1/c", "detail": "bad"},
        {"pointer": "/list/1/c", "detail": "worse"},
        {"pointer": "", "detail": "all"},
    ]


def test_the_unexpected_is_logged_with_its_trace_id_and_shows_nothing_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = problems.problem_response(ZeroDivisionError("the secret"), {})

    assert answer.data["trace_id"] in caplog.text
    assert "the secret" in caplog.text
    assert "secret" not in json.dumps(answer.data)


def test_waiting_and_challenges_are_headers() -> None:
    slow = problems.problem_response(
        Refusal("too_many_tries", "Wait.", status=429, retry_after=9), {}
    )
    unknown = problems.problem_response(Refusal("token_unknown", "Who?", status=401), {})

    assert slow["Retry-After"] == "9"
    assert unknown["WWW-Authenticate"] == 'Bearer realm="api"'


def test_an_unknown_address_of_the_api_is_a_problem(db: None) -> None:
    answer = Client().get("/api/v1/nothing/")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer["Content-Type"] == "application/problem+json"


def test_a_body_that_is_no_json_and_a_wrong_method_are_problems(api: APIClient) -> None:
    broken = api.post("/api/v1/tokens/", "{", content_type="application/json")
    wrong = api.put("/api/v1/me/", {})

    assert (broken.status_code, broken.json()["code"]) == (400, "parse_error")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("handler", "arguments", "status"),
    [
        (problems.bad_request, [SuspiciousOperation()], 400),
        (problems.forbidden, [Invalid("no", "No.")], 422),
        (problems.forbidden, [PermissionDenied()], 403),
        (problems.not_found, [Http404()], 404),
        (problems.server_error, [], 500),
        (problems.csrf_failed, ["no cookie"], 403),
    ],
)
def test_what_fails_outside_of_a_view_is_a_problem_too(
    rf: RequestFactory, handler: Any, arguments: list[Any], status: int
) -> None:
    answer = handler(rf.get("/api/v1/me/"), *arguments)

    assert answer.status_code == status
    assert set(json.loads(answer.content)) >= MEMBERS


def test_outside_of_the_api_people_get_pages(rf: RequestFactory) -> None:
    page = rf.get("/agents/")

    answers = [
        problems.bad_request(page, SuspiciousOperation()),
        problems.forbidden(page, PermissionDenied()),
        problems.not_found(page, Http404()),
        problems.server_error(page),
        problems.csrf_failed(page, "no cookie"),
    ]

    assert [answer.status_code for answer in answers] == [400, 403, 404, 500, 403]
    assert {answer["Content-Type"] for answer in answers} == {"text/html; charset=utf-8"}
    assert all(b"<h1>" in answer.content for answer in answers)
