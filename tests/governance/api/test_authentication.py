from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from governance.models import Agent, Domain, Lifecycle, Person, Token
from governance.services import agents, tokens
from tests.factories import identity

DAY = timedelta(days=1)


def bearer(person: Person | None = None, agent: Agent | None = None) -> APIClient:
    _token, text = tokens.issue(
        person=person, agent=agent, name="x", ttl=DAY, actor=identity.SYSTEM
    )
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {text}")


def test_a_persons_token_is_that_person(grace: Person) -> None:
    answer = bearer(grace).get("/api/v1/me/")

    assert answer.status_code == 200
    assert (answer.json()["kind"], answer.json()["id"]) == ("person", str(grace.pk))


def test_an_agents_token_is_nobodys_account(domain: Domain) -> None:
    scout = identity.agent(domain)

    answer = bearer(agent=scout).get("/api/v1/me/")

    assert answer.json()["kind"] == "agent"
    assert answer.json()["permissions"] == []
    assert answer.json()["id"] == str(scout.pk)


def test_an_agent_reaches_nothing_that_is_for_people(domain: Domain) -> None:
    scout = identity.agent(domain)
    client = bearer(agent=scout)
    reason = {"reason": "Because."}

    for answer in (
        client.get("/api/v1/agents/"),
        client.post("/api/v1/agents/", {}),
        client.get(f"/api/v1/agents/{scout.pk}/"),
        client.post(f"/api/v1/agents/{scout.pk}/suspend/", reason),
        client.post(f"/api/v1/agents/{scout.pk}/resume/", reason),
        client.get("/api/v1/tokens/"),
        client.post("/api/v1/tokens/", {"name": "mine"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "agent_principal")
    assert Agent.objects.get().lifecycle == Lifecycle.ACTIVE
    assert Token.objects.count() == 1


def test_authenticating_asks_once_and_writes_nothing(grace: Person) -> None:
    client = bearer(grace)

    with CaptureQueriesContext(connection) as queries:
        client.get("/api/v1/me/")

    about_tokens = [q["sql"] for q in queries if "governance_token" in q["sql"]]
    assert len(about_tokens) == 1
    assert not [q for q in queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer nonsense", "bearer cs_a_b_c"])
def test_a_wrong_token_is_refused_and_never_falls_back_to_a_session(
    api: APIClient, header: str
) -> None:
    answer = api.get("/api/v1/me/", headers={"authorization": header})

    assert (answer.status_code, answer.json()["code"]) == (401, "token_unknown")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_another_scheme_is_left_to_the_session(api: APIClient) -> None:
    assert api.get("/api/v1/me/", headers={"authorization": "Basic eA=="}).status_code == 200


def test_nobody_is_told_to_authenticate(db: None) -> None:
    answer = APIClient().get("/api/v1/me/")

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["Content-Type"] == "application/problem+json"


def test_suspending_an_agent_stops_its_token_at_once(domain: Domain, grace: Person) -> None:
    scout = identity.agent(domain)
    client = bearer(agent=scout)
    assert client.get("/api/v1/me/").status_code == 200

    agents.suspend(agent=scout, person=grace, reason="Stop.")

    answer = client.get("/api/v1/me/")
    assert (answer.status_code, answer.json()["code"]) == (401, "agent_not_active")


def test_a_session_without_its_csrf_token_changes_nothing(grace: Person, domain: Domain) -> None:
    scout = identity.agent(domain)
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(grace)

    answer = client.post(f"/api/v1/agents/{scout.pk}/suspend/", {"reason": "Because."})

    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    assert Agent.objects.get().lifecycle == Lifecycle.ACTIVE


def test_a_person_nobody_can_act_as_is_refused_even_with_a_session(domain: Domain) -> None:
    client = APIClient()
    client.force_login(identity.seeded("Ada"))

    assert client.get("/api/v1/agents/").status_code == 403
    assert client.get("/api/v1/tokens/").status_code == 403
