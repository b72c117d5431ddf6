import pytest
from django.contrib.auth.models import AnonymousUser, Group
from pytest_django import DjangoAssertNumQueries

from governance.models import DomainGroupPermission, Person
from governance.refusals import Forbidden, Refusal
from governance.selectors import people
from tests.factories import identity

pytestmark = pytest.mark.django_db


def fresh(person: Person) -> Person:
    return Person.objects.get(pk=person.pk)


def test_one_look_up_answers_every_question_of_a_request(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    domain = identity.domain()
    grace = fresh(identity.first_person())

    with django_assert_num_queries(1):
        for permission in ("review_gates", "read_audit", "operate_runs"):
            people.require(grace, domain, permission)
    with django_assert_num_queries(1):
        assert people.domain_for(grace) == people.domain_for(grace) == domain


def test_permissions_come_through_groups_too() -> None:
    domain = identity.domain()
    identity.first_person()
    heidi = Person.objects.create(username="heidi")
    auditors = Group.objects.create(name="auditors")
    auditors.user_set.add(heidi)
    DomainGroupPermission.objects.assign_perm("read_audit", auditors, domain)

    assert people.permissions_for(heidi, domain) == {"read_audit"}
    assert people.domain_for(heidi) == domain
    assert heidi in people.people_of(domain)
    assert heidi not in people.reviewers_of(domain)


def test_an_inactive_person_holds_nothing_even_on_an_old_instance() -> None:
    domain = identity.domain()
    old = fresh(identity.first_person())
    Person.objects.update(is_active=False)

    assert people.permissions_for(old, domain) == set()
    assert list(people.reviewers_of(domain)) == []


@pytest.mark.parametrize("nobody", [None, AnonymousUser(), object()])
def test_nobody_holds_nothing(nobody: object) -> None:
    domain = identity.domain()

    assert people.permissions_for(nobody, domain) == set()
    assert not people.holds_now(nobody, domain.pk)
    with pytest.raises(Forbidden):
        people.domain_for(nobody)


def test_a_superuser_is_nobody_special() -> None:
    domain = identity.domain()
    root = Person.objects.create(username="root", is_superuser=True, is_staff=True)

    assert people.permissions_for(root, domain) == set()
    with pytest.raises(Forbidden) as refused:
        people.require(root, domain, "review_gates")
    assert refused.value.code == "permission_missing"


def test_a_live_connection_asks_the_database_again() -> None:
    domain = identity.domain()
    grace = fresh(identity.first_person())
    assert people.holds_now(grace, domain.pk, "read_audit")

    Person.objects.update(is_active=False)

    assert not people.holds_now(grace, domain.pk, "read_audit")
    assert not people.holds_now(grace, None)


def test_reviewers_are_those_who_can_sign_in() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    heidi = identity.member(domain, grace)
    identity.agent(domain)

    assert list(people.reviewers_of(domain)) == [grace, heidi]
    assert [str(person) for person in people.people_of(domain)] == [
        "Ada",
        "Grace",
        "Heidi",
        "Sam",
    ]


def test_the_console_speaks_of_the_first_who_enrolled() -> None:
    domain = identity.domain()
    identity.seeded("Ada")
    assert people.console_person("") is None
    grace = identity.first_person()
    heidi = identity.member(domain, grace)

    assert people.console_person("") == grace
    assert people.console_person("heidi") == heidi
    with pytest.raises(Refusal):
        people.console_person("nobody")
