"""On how many steps an agent may be at work at once."""

import pytest

from governance.models import Agent, Person
from governance.refusals import Forbidden, Invalid, Refusal
from governance.services import agents
from tests.factories import identity
from tests.factories.audit import recorded, size_of_the_log

pytestmark = pytest.mark.django_db


def test_an_owner_limits_how_much_their_agent_does_at_once() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    scout = identity.agent(domain, owner=grace)

    agents.limit(agent=scout, most=4, person=grace, reason="The host is small.")
    agents.limit(agent=scout, most=4, person=grace, reason="Said twice.")

    assert Agent.objects.get(pk=scout.pk).max_parallel == 4
    assert recorded(f"agent:{scout.pk}") == ["agent.registered", "agent.limited"]

    agents.limit(agent=scout, most=None, person=grace, reason="It has grown.")
    assert Agent.objects.get(pk=scout.pk).max_parallel is None


@pytest.mark.parametrize("most", [0, -1, 1001])
def test_a_limit_that_is_none_changes_nothing(most: int) -> None:
    domain = identity.domain()
    grace = identity.first_person()
    scout = identity.agent(domain, max_parallel=2)
    before = size_of_the_log()

    with pytest.raises(Invalid) as refused:
        agents.limit(agent=scout, most=most, person=grace, reason="Because.")

    assert [error["pointer"] for error in refused.value.extra["errors"]] == ["/max_parallel"]
    assert Agent.objects.get(pk=scout.pk).max_parallel == 2
    assert size_of_the_log() == before


def test_a_limit_is_set_by_who_answers_for_the_agent_with_a_reason_alone() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    scout = identity.agent(domain)
    mallory = Person.objects.create(username="mallory", is_superuser=True, is_staff=True)

    with pytest.raises(Forbidden):
        agents.limit(agent=scout, most=1, person=mallory, reason="Because.")
    with pytest.raises(Invalid):
        agents.limit(agent=scout, most=1, person=grace, reason=" ")

    assert Agent.objects.get(pk=scout.pk).max_parallel is None
    assert recorded(f"agent:{scout.pk}") == ["agent.registered"]


def test_who_saw_an_older_limit_changes_nothing() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    seen = identity.agent(domain)
    agents.limit(
        agent=Agent.objects.get(pk=seen.pk), most=3, person=grace, reason="The host is small."
    )

    with pytest.raises(Refusal) as refused:
        agents.limit(agent=seen, most=9, person=grace, reason="It is large.")

    assert refused.value.code == "limit_changed"
    assert Agent.objects.get(pk=seen.pk).max_parallel == 3
