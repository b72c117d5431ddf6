"""Law 7: agents never decide. Every address is tried with an agent's credential."""

import inspect
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from governance.models import Decision, Gate, Review
from governance.services import tokens
from tests.factories import governance as make

KNOWN = {"gate-review", "api-reviews"}
METHODS = ("post", "put", "patch", "delete")


def patterns(
    resolver: URLResolver | None = None, prefix: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    """Yield every address of the product with its pattern."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        else:
            yield route, entry


def leads_to_a_review(pattern: URLPattern) -> bool:
    """Whether the view behind the pattern can give a review."""
    view: Any = pattern.callback
    view = getattr(view, "view_class", None) or getattr(view, "cls", None) or view
    return "reviews.give" in inspect.getsource(inspect.unwrap(view))


def address(route: str, pattern: URLPattern, gate: Gate) -> str:
    """Fill in the route: the gate wherever an id is wanted, anything elsewhere."""
    for name, converter in pattern.pattern.converters.items():
        kind = type(converter).__name__
        value = str(gate.pk) if "UUID" in kind else "1" if "Int" in kind else "anything"
        spelled = [
            f"<{prefix}{name}>" for prefix in ("uuid:", "int:", "str:", "slug:", "path:", "")
        ]
        for spelling in spelled:
            route = route.replace(spelling, value)
    return f"/{route}"


@pytest.fixture
def gate(db: None, tmp_path: Path) -> Gate:
    return make.open_gate(make.house(tmp_path))


@pytest.fixture
def client(gate: Gate) -> APIClient:
    _token, secret = tokens.issue(
        agent=gate.action.agent, name="scout", ttl=timedelta(hours=1), actor=make.TESTER
    )
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_the_walk_finds_the_ways_to_review() -> None:
    found = {pattern.name for _, pattern in patterns() if leads_to_a_review(pattern)}
    assert found == KNOWN


def test_every_way_to_review_refuses_an_agents_credential(client: APIClient, gate: Gate) -> None:
    for route, pattern in patterns():
        if not leads_to_a_review(pattern):
            continue
        answer = client.post(address(route, pattern, gate), _body(), headers=_once())
        if route.startswith("api/"):
            assert (answer.status_code, answer.json()["code"]) == (403, "agent_principal"), route
        else:
            # Pages know sessions only, and an agent has none: nobody is signed in.
            assert answer.status_code in (302, 401), route
    assert_undecided(gate)


def test_no_address_at_all_lets_an_agent_decide(client: APIClient, gate: Gate) -> None:
    for route, pattern in patterns():
        for method in METHODS:
            getattr(client, method)(address(route, pattern, gate), _body(), headers=_once())
    assert_undecided(gate)


def _body() -> dict[str, str]:
    return {"verb": "approve", "comment": "Let me.", "stamp": "forged", "outcome": "approved"}


def _once() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def assert_undecided(gate: Gate) -> None:
    assert not Review.objects.exists()
    assert not Decision.objects.exists()
    assert Gate.objects.get(pk=gate.pk).state == "pending"
