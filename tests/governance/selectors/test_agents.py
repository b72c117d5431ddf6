from datetime import timedelta
from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries

from audit import registry
from audit.types import StreamKey
from governance.models import Lifecycle, Person
from governance.refusals import Forbidden, Refusal
from governance.selectors import agents
from governance.services import agents as service
from governance.services import tokens
from tests.factories import identity

pytestmark = pytest.mark.django_db


def test_the_agent_page_says_who_answers_for_it_and_what_it_did() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    gate = identity.gate(domain)
    scout = gate.action.agent
    tokens.issue(agent=scout, name="ci", ttl=timedelta(days=1), actor=identity.SYSTEM)

    view = agents.agent_for(grace, scout.pk)

    assert (view.owner.name, view.sponsor.name, view.environment_label) == (
        "Ada",
        "Sam",
        "Development",
    )
    assert [grant.scope for grant in view.grants] == ["merge:repo/*"]
    assert [action.sentence for action in view.actions] == ["Merge feature into main"]
    assert (view.action_count, view.gate_count, view.pending_gate_count) == (1, 1, 1)
    assert view.token_count == 1
    assert (view.may_suspend, view.may_resume) == (True, False)


def test_a_suspended_agent_says_why_and_may_be_resumed() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    scout = identity.agent(domain)
    service.suspend(agent=scout, person=grace, reason="Too eager.")

    view = agents.agent_for(grace, scout.pk)

    assert (view.lifecycle, view.lifecycle_reason) == (Lifecycle.SUSPENDED, "Too eager.")
    assert (view.may_suspend, view.may_resume) == (False, True)
    assert not agents.is_active(scout.pk)


def test_a_page_of_agents_costs_the_same_for_one_and_for_many(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    domain = identity.domain()
    grace = Person.objects.get(pk=identity.first_person().pk)
    identity.gate(domain)
    for number in range(10):
        identity.agent(domain, slug=f"a{number}", scopes=["a:*", "b:*"])

    with django_assert_num_queries(3):
        page = agents.page_for(grace)

    scout = page.rows[-1]
    assert (scout.slug, scout.scope_count, scout.pending_gate_count) == ("scout", 1, 1)
    assert (page.rows[0].scope_count, page.rows[0].pending_gate_count) == (2, 0)
    assert page.next == ""


@pytest.mark.parametrize("agent_id", [uuid4(), "nonsense"])
def test_an_agent_that_is_not_there_is_not_found(agent_id: object) -> None:
    identity.domain()
    grace = identity.first_person()

    with pytest.raises(Refusal) as refused:
        agents.agent_for(grace, agent_id)  # type: ignore[arg-type]  # wrong on purpose

    assert (refused.value.code, refused.value.status) == ("not_found", 404)


def test_another_domains_agent_is_as_good_as_none() -> None:
    identity.domain()
    grace = identity.first_person()
    theirs = identity.agent(identity.domain("umbrella"))

    with pytest.raises(Refusal):
        agents.agent_for(grace, theirs.pk)
    assert agents.page_for(grace).rows == []
    assert not registry.may_view_stream(grace, StreamKey("agent", str(theirs.pk)))


def test_only_who_may_register_chooses_owners() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    mallory = Person.objects.create(username="mallory")

    assert grace in agents.choices_for(grace)
    assert agents.choices_for(grace).model is Person
    with pytest.raises(Forbidden):
        agents.choices_for(mallory)
    assert domain.agents.count() == 0


def test_streams_of_identity_are_seen_by_who_may() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    scout = identity.agent(domain)
    mallory = Person.objects.create(username="mallory", is_superuser=True)

    for stream in (f"agent:{scout.pk}", f"domain:{domain.pk}"):
        assert registry.may_view_stream(grace, StreamKey.parse(stream))
        assert not registry.may_view_stream(mallory, StreamKey.parse(stream))
    assert not registry.may_view_stream(grace, StreamKey("agent", "nonsense"))
    assert not registry.may_view_stream(grace, StreamKey("agent", str(uuid4())))
