from typing import Any

import pytest
from rest_framework.test import APIClient

from governance.models import Agent, Domain, Lifecycle, Person
from tests.factories import identity
from tests.factories.audit import recorded, size_of_the_log


@pytest.fixture
def body(domain: Domain) -> dict[str, Any]:
    identity.agent(domain)
    return {
        "slug": "probe",
        "name": "Probe",
        "purpose": "Probes.",
        "owner": str(identity.seeded("Ada").pk),
        "sponsor": str(identity.seeded("Sam").pk),
        "environment": "staging",
        "scopes": ["repo.read:*"],
    }


def test_a_registered_agent_is_shown_listed_and_has_no_runner(
    api: APIClient, body: dict[str, Any]
) -> None:
    answer = api.post("/api/v1/agents/", body)

    assert answer.status_code == 201
    made = answer.json()
    assert (made["runner"], made["lifecycle"]) == ("", "active")
    assert [grant["scope"] for grant in made["grants"]] == ["repo.read:*"]
    assert api.get(f"/api/v1/agents/{made['id']}/").json() == made
    assert [row["slug"] for row in api.get("/api/v1/agents/").json()["rows"]] == ["probe", "scout"]
    assert recorded(f"agent:{made['id']}") == ["agent.registered"]


@pytest.mark.parametrize("forbidden", ["runner", "runner_config", "lifecycle", "config"])
def test_no_request_can_name_a_program(
    api: APIClient, body: dict[str, Any], forbidden: str
) -> None:
    before = size_of_the_log()

    answer = api.post("/api/v1/agents/", body | {forbidden: {"argv": ["sh"]}})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{forbidden}"
    assert Agent.objects.count() == 1
    assert size_of_the_log() == before


def test_owner_and_sponsor_are_of_the_domain(
    api: APIClient, body: dict[str, Any], grace: Person
) -> None:
    stranger = identity.seeded("Trudy")

    answer = api.post("/api/v1/agents/", body | {"owner": str(stranger.pk)})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/owner")
    assert Agent.objects.count() == 1


def test_suspending_and_resuming_over_the_api(api: APIClient, domain: Domain) -> None:
    scout = identity.agent(domain)
    url = f"/api/v1/agents/{scout.pk}/"

    assert api.post(f"{url}suspend/", {"reason": "Stop."}).json()["lifecycle"] == "suspended"
    again = api.post(f"{url}suspend/", {"reason": "Stop."})
    assert (again.status_code, again.json()["code"]) == (409, "wrong_lifecycle")
    assert api.post(f"{url}resume/", {"reason": "Go."}).json()["lifecycle"] == "active"
    assert api.post(f"{url}suspend/", {}).status_code == 422
    assert Agent.objects.get().lifecycle == Lifecycle.ACTIVE


def test_how_much_an_agent_does_at_once_is_set_over_the_api(
    api: APIClient, domain: Domain
) -> None:
    scout = identity.agent(domain)
    url = f"/api/v1/agents/{scout.pk}/limit/"

    answer = api.post(url, {"max_parallel": 3, "reason": "The host is small."})
    assert (answer.status_code, answer.json()["max_parallel"]) == (200, 3)
    assert api.post(url, {"max_parallel": 0, "reason": "None."}).status_code == 422
    assert api.post(url, {"reason": "Nothing said."}).status_code == 422
    assert Agent.objects.get().max_parallel == 3
    answer = api.post(url, {"max_parallel": None, "reason": "It has grown."}, format="json")
    assert answer.json()["max_parallel"] is None


def test_a_stranger_learns_nothing_of_an_agent(domain: Domain, grace: Person) -> None:
    scout = identity.agent(domain)
    client = APIClient()
    client.force_login(Person.objects.create(username="mallory", is_superuser=True))
    url = f"/api/v1/agents/{scout.pk}/"

    assert client.get(url).json()["code"] == "not_found"
    assert client.post(f"{url}suspend/", {"reason": "x"}).status_code == 404
    assert client.get("/api/v1/agents/").json()["code"] == "no_domain"
    assert Agent.objects.get().lifecycle == Lifecycle.ACTIVE


def test_pages_of_agents_follow_their_cursor(api: APIClient, domain: Domain) -> None:
    for slug in ("a", "b", "c"):
        identity.agent(domain, slug=slug)
    identity.agent(domain, slug="b", version=2)

    seen, after = [], ""
    while True:
        page = api.get(
            "/api/v1/agents/", {"limit": 1} | ({"after": after} if after else {})
        ).json()
        seen += [(row["slug"], row["version"]) for row in page["rows"]]
        after = page["next"]
        if not after:
            break

    assert seen == [("a", 1), ("b", 2), ("b", 1), ("c", 1)]
    assert api.get("/api/v1/agents/", {"after": "nonsense"}).status_code == 422
    assert api.get("/api/v1/agents/", {"lifecycle": "dead"}).status_code == 422
    assert api.get("/api/v1/agents/", {"lifecycle": "suspended"}).json()["rows"] == []
