from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from rest_framework.test import APIClient

from governance.models import Agent, Decision, Gate, Person, Review
from governance.services import tokens
from tests.factories import governance as make
from tests.factories.audit import recorded, size_of_the_log

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path: Path) -> make.House:
    return make.house(tmp_path)


@pytest.fixture
def gate(home: make.House) -> Gate:
    return make.open_gate(home)


def client_of(someone: Person) -> APIClient:
    client = APIClient()
    client.force_login(someone)
    return client


def client_with_token(holder: Person | Agent) -> APIClient:
    _token, secret = tokens.issue(
        person=holder if isinstance(holder, Person) else None,
        agent=holder if isinstance(holder, Agent) else None,
        name="test",
        ttl=timedelta(hours=1),
        actor=make.TESTER,
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def post(client: APIClient, gate: Gate, key: str = "once", **body: str) -> Any:
    url = f"/api/v1/gates/{gate.pk}/reviews/"
    return client.post(url, {"verb": "approve", **body}, headers={"Idempotency-Key": key})


def stamp_from(client: APIClient, gate: Gate) -> str:
    return str(client.get(f"/api/v1/gates/{gate.pk}/").json()["stamp"])


def refused(answer: Any, status: int, code: str, gate: Gate) -> dict[str, Any]:
    """See a problem with this code, and that nothing happened."""
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Content-Type"] == "application/problem+json"
    assert not Review.objects.exists()
    assert not Decision.objects.exists()
    assert Gate.objects.get(pk=gate.pk).state == "pending"
    problem: dict[str, Any] = answer.json()
    return problem


@pytest.mark.parametrize("by", ["session", "token"])
def test_a_reviewer_reads_a_gate_and_approves_it(home: make.House, gate: Gate, by: str) -> None:
    client = client_of(home.grace) if by == "session" else client_with_token(home.grace)
    (row,) = client.get("/api/v1/gates/").json()["rows"]
    assert (row["id"], row["mine"]) == (str(gate.pk), True)

    answer = post(client, gate, stamp=stamp_from(client, gate), comment="Fine.")

    assert answer.status_code == 201
    assert (answer.json()["verb"], answer.json()["gate_state"]) == ("approve", "approved")
    assert Review.objects.get().channel == "api"
    assert client.get("/api/v1/gates/").json()["rows"] == []
    (row,) = client.get("/api/v1/gates/?state=decided").json()["rows"]
    assert row["state"] == "approved"


def test_everything_a_reviewer_needs_is_there(home: make.House, gate: Gate) -> None:
    shown = client_of(home.grace).get(f"/api/v1/gates/{gate.pk}/").json()

    assert shown["sentence"] == "Append “second” to guarded.txt"
    assert shown["standing"] == {"may_decide": True, "code": "", "sentence": ""}
    assert shown["requester"]["initiator"]["name"] == "Ines"
    assert shown["change"][0]["content"] == {"added": ["second"]}
    assert shown["reasons"][0]["facts"] == [{"name": "guarded", "value": "yes"}]
    assert shown["seats"][0]["may_decide"] == ["Grace"]
    assert shown["complete"] is True


def test_the_same_key_answers_the_same(home: make.House, gate: Gate) -> None:
    client = client_of(home.grace)
    stamp = stamp_from(client, gate)

    first, again = post(client, gate, stamp=stamp), post(client, gate, stamp=stamp)

    assert (again.status_code, again.json()) == (201, first.json())
    assert Review.objects.count() == 1


def test_the_second_learns_who_was_first(home: make.House, gate: Gate) -> None:
    sue = client_of(make.member("sue", home.domain))
    stamp = stamp_from(sue, gate)
    make.review(gate, home.grace, "reject")

    answer = post(sue, gate, stamp=stamp)

    assert (answer.status_code, answer.json()["code"]) == (409, "already_decided")
    assert answer.json()["by"] == "Grace"
    assert answer.json()["at"]
    assert Review.objects.count() == 1


@pytest.mark.parametrize(("who", "code"), [("ada", "is_owner"), ("ines", "is_initiator")])
def test_whoever_must_be_another_is_refused_with_the_reason(
    home: make.House, gate: Gate, who: str, code: str
) -> None:
    client = client_of(getattr(home, who))
    assert refused(post(client, gate, stamp=stamp_from(client, gate)), 403, code, gate)["detail"]


def test_an_inactive_person_gets_nowhere(home: make.House, gate: Gate) -> None:
    client, stamp = client_with_token(home.grace), make.stamp_for(gate, home.grace)
    Person.objects.filter(pk=home.grace.pk).update(is_active=False)
    answer = post(client, gate, stamp=stamp)
    assert answer.status_code in {401, 403}
    assert not Review.objects.exists()


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "head"])
def test_an_agents_token_is_refused_on_every_method(
    home: make.House, gate: Gate, method: str
) -> None:
    client, stamp = client_with_token(home.scout), make.stamp_for(gate, home.grace)
    before = size_of_the_log()

    answer = getattr(client, method)(
        f"/api/v1/gates/{gate.pk}/reviews/",
        {"verb": "approve", "stamp": stamp},
        headers={"Idempotency-Key": "once"},
    )

    assert answer.status_code == 403
    assert method == "head" or answer.json()["code"] == "agent_principal"
    assert (size_of_the_log() == before) == (method != "post")
    assert not Review.objects.exists()


def test_nobody_reviews_without_signing_in(gate: Gate) -> None:
    assert post(APIClient(), gate, stamp="x").status_code == 401
    assert not Review.objects.exists()


def test_a_gate_of_another_domain_does_not_exist(home: make.House, gate: Gate) -> None:
    client = client_of(home.mallory)
    assert client.get("/api/v1/gates/").json()["rows"] == []
    assert client.get(f"/api/v1/gates/{gate.pk}/").status_code == 404
    refused(post(client, gate, stamp="x"), 404, "not_found", gate)


def test_after_its_time_a_gate_answers_gone(home: make.House, gate: Gate) -> None:
    client = client_of(home.grace)
    stamp = stamp_from(client, gate)
    Gate.objects.update(expires_at=Now() - timedelta(seconds=1))
    refused(post(client, gate, stamp=stamp), 410, "expired", gate)
    assert client.get(f"/api/v1/gates/{gate.pk}/").json()["state"] == "expired"
    assert client.get("/api/v1/gates/").json()["rows"] == []
    assert make.lines_in(home.guarded) == 0


def test_what_was_not_read_cannot_be_decided(home: make.House, gate: Gate) -> None:
    refused(post(client_of(home.grace), gate, stamp="x"), 412, "stale_presentation", gate)


@pytest.mark.parametrize(
    ("body", "key", "code"),
    [
        ({}, "once", "invalid"),
        ({"stamp": "x", "verb": "allow"}, "once", "invalid"),
        ({"stamp": "x", "person": "someone-else"}, "once", "invalid"),
        ({"stamp": "x", "comment": "x" * 5001}, "once", "invalid"),
        ({"stamp": "x"}, "", "idempotency_key_required"),
        ({"stamp": "x"}, "k" * 65, "idempotency_key_required"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    home: make.House, gate: Gate, body: dict[str, str], key: str, code: str
) -> None:
    refused(post(client_of(home.grace), gate, key, **body), 422, code, gate)


def test_a_session_without_a_csrf_token_cannot_review(home: make.House, gate: Gate) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(home.grace)
    answer = post(client, gate, stamp=make.stamp_for(gate, home.grace))
    assert answer.status_code == 403
    assert not Review.objects.exists()


@pytest.mark.parametrize(
    "query", ["state=mine", "before=nonsense", "limit=0", "limit=1000", "before=2026~x"]
)
def test_a_query_that_makes_no_sense_is_refused(home: make.House, query: str) -> None:
    assert client_of(home.grace).get(f"/api/v1/gates/?{query}").status_code == 422


def test_pages_follow_one_another(home: make.House) -> None:
    gates = [str(make.open_gate(home, line=f"line {n}").pk) for n in range(5)]
    client, seen, before = client_of(home.grace), [], ""
    while True:
        page = client.get(f"/api/v1/gates/?limit=2&before={before}").json()
        seen += [row["id"] for row in page["rows"]]
        before = page["next"]
        if not before:
            break
    assert seen == gates[::-1]


def test_refusals_are_recorded(home: make.House, gate: Gate) -> None:
    post(client_of(home.ada), gate, stamp="x")
    assert recorded(f"action:{gate.action_id}")[-1] == "review.refused"


def test_that_an_agent_reached_for_a_decision_is_recorded(home: make.House, gate: Gate) -> None:
    assert post(client_with_token(home.scout), gate, stamp="x").status_code == 403
    assert recorded(f"action:{gate.action_id}")[-1] == "review.refused"


def test_an_agent_of_another_domain_writes_nothing_into_a_gates_history(
    home: make.House, gate: Gate
) -> None:
    spy = make.agent(home.mallory.teams.get().domain, home.mallory, home.sam, slug="spy")
    before = recorded(f"action:{gate.action_id}")
    answer = post(client_with_token(spy), gate, stamp="x")
    assert answer.status_code == 403
    assert recorded(f"action:{gate.action_id}") == before


@pytest.mark.parametrize("body", ['{"a":' * 3000 + "1" + "}" * 3000, "[" * 50_000])
def test_a_body_nested_too_deeply_is_malformed(home: make.House, gate: Gate, body: str) -> None:
    answer = client_of(home.grace).post(
        f"/api/v1/gates/{gate.pk}/reviews/", body, content_type="application/json"
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")
