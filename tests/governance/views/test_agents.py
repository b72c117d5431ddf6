from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from governance.models import Agent, Domain, Person
from governance.services import agents
from tests.factories import identity
from tests.governance.views.conftest import signed_in

LIST_QUERIES = 8
PAGE_QUERIES = 13


@pytest.fixture
def domain(db: None) -> Domain:
    return identity.domain()


@pytest.fixture
def grace(domain: Domain) -> Person:
    return identity.first_person()


@pytest.fixture
def heidi(domain: Domain, grace: Person) -> Person:
    return identity.member(domain, grace)


@pytest.fixture
def browser(grace: Person) -> Client:
    return signed_in(grace)


def form(owner: Person, sponsor: Person, **changes: str) -> dict[str, Any]:
    return {
        "name": "Scout",
        "slug": "scout",
        "version": "1",
        "purpose": "Looks around.",
        "owner": str(owner.pk),
        "sponsor": str(sponsor.pk),
        "environment": "staging",
        "scopes": "read:repo/*\n\nmerge:repo/billing/*",
        "classes": "",
        **changes,
    }


def test_the_list_says_who_answers_for_each_agent_within_its_queries(
    domain: Domain, browser: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(1, 8):
        identity.agent(domain, version=number)
    with django_assert_num_queries(LIST_QUERIES):
        page = browser.get(reverse("agents")).text
    assert page.count("Scout") == 7
    assert "Ada" in page
    assert "Register an agent" in page


def test_the_filter_lives_in_the_address(domain: Domain, browser: Client, grace: Person) -> None:
    agents.suspend(agent=identity.agent(domain), person=grace, reason="Noise.")
    assert "Scout" in browser.get(reverse("agents"), {"lifecycle": "suspended"}).text
    empty = browser.get(reverse("agents"), {"lifecycle": "active"}).text
    assert "No agent matches" in empty
    assert "Scout" in browser.get(reverse("agents"), {"lifecycle": "nonsense"}).text


def test_an_empty_registry_teaches(browser: Client) -> None:
    assert "python3 manage.py demo" in browser.get(reverse("agents")).text


def test_the_page_of_an_agent_within_its_queries(
    domain: Domain, browser: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    scout = identity.agent(domain)
    with django_assert_num_queries(PAGE_QUERIES):
        page = browser.get(reverse("agent", args=[scout.pk])).text
    for words in ("Looks around.", "Ada", "Sam", "merge:repo/*", "integrator", "Suspend"):
        assert words in page


def test_registering_grants_each_line_of_scopes(
    browser: Client, grace: Person, heidi: Person
) -> None:
    answer = browser.post(reverse("agent-register"), form(grace, heidi))
    scout = Agent.objects.get()
    assert answer.headers["Location"] == reverse("agent", args=[scout.pk])
    scopes = scout.grants.order_by("scope").values_list("scope", flat=True)
    assert list(scopes) == ["merge:repo/billing/*", "read:repo/*"]
    assert scout.runner == ""


def test_no_program_can_be_given_in_the_form(
    browser: Client, grace: Person, heidi: Person
) -> None:
    sent = form(grace, heidi) | {"runner": "process", "runner_config": '{"argv": ["sh"]}'}
    browser.post(reverse("agent-register"), sent)
    assert (Agent.objects.get().runner, Agent.objects.get().runner_config) == ("", {})


def test_every_wrong_field_is_named_and_nothing_is_registered(
    browser: Client, grace: Person, heidi: Person
) -> None:
    wrong = form(grace, heidi, scopes="everything", classes="Not A Name")
    answer = browser.post(reverse("agent-register"), wrong)
    assert answer.status_code == 422
    assert "Not registered" in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    assert not Agent.objects.exists()


def test_an_agent_registered_twice_says_what_to_do(
    domain: Domain, browser: Client, grace: Person, heidi: Person
) -> None:
    identity.agent(domain)
    answer = browser.post(reverse("agent-register"), form(grace, heidi))
    assert "raise the version" in answer.text
    assert Agent.objects.count() == 1


def test_who_may_not_register_gets_no_form(domain: Domain) -> None:
    outsider = Client()
    outsider.force_login(
        Person.objects.create(username="mallory", display_name="Mallory"),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    answer = outsider.get(reverse("agent-register"))
    assert answer.status_code == 403
    assert "You belong to no domain yet" in answer.text


def test_suspending_asks_why_and_resuming_too(
    domain: Domain, browser: Client, grace: Person
) -> None:
    scout = identity.agent(domain)
    address = reverse("agent-suspend", args=[scout.pk])
    assert browser.get(address).status_code == 200
    assert browser.post(address, {"reason": " "}).status_code == 422
    scout.refresh_from_db()
    assert scout.lifecycle == "active"
    browser.post(address, {"reason": "It asks too often."})
    page = browser.get(reverse("agent", args=[scout.pk])).text
    assert "It asks too often." in page
    browser.post(reverse("agent-resume", args=[scout.pk]), {"reason": "Fixed."})
    scout.refresh_from_db()
    assert scout.lifecycle == "active"


def test_suspending_twice_says_that_nothing_was_changed(
    domain: Domain, browser: Client, grace: Person
) -> None:
    scout = identity.agent(domain)
    agents.suspend(agent=scout, person=grace, reason="Once.")
    answer = browser.post(reverse("agent-suspend", args=[scout.pk]), {"reason": "Twice."})
    assert answer.status_code == 409
    assert "Nothing was changed" in answer.text
    scout.refresh_from_db()
    assert scout.lifecycle_reason == "Once."


def test_the_limit_of_an_agent_is_shown_and_changed(
    domain: Domain, browser: Client, grace: Person
) -> None:
    scout = identity.agent(domain)
    address = reverse("agent-limit", args=[scout.pk])
    assert address in browser.get(reverse("agent", args=[scout.pk])).text
    wrong = browser.post(address, {"max_parallel": "none", "reason": "Because."})
    assert (wrong.status_code, wrong.text.count('aria-invalid="true"')) == (422, 1)
    browser.post(address, {"max_parallel": "3", "reason": "The host is small."})
    assert "3 at most" in browser.get(reverse("agent", args=[scout.pk])).text
    browser.post(address, {"max_parallel": "", "reason": "It has grown."})
    scout.refresh_from_db()
    assert scout.max_parallel is None
