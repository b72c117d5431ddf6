import pytest

from governance.models import Domain, Team
from governance.refusals import Invalid, Refusal
from governance.selectors import people
from governance.services import domains
from tests.factories import identity
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log

pytestmark = pytest.mark.django_db


def test_a_new_domain_has_its_team_of_maintainers_and_an_event() -> None:
    domain = identity.domain()

    assert [team.slug for team in domain.teams.all()] == ["maintainers"]
    assert recorded(f"domain:{domain.pk}") == ["domain.created"]


def test_a_second_domain_of_the_same_slug_is_refused() -> None:
    identity.domain()
    before = size_of_the_log()

    with pytest.raises(Refusal) as refused:
        identity.domain()

    assert refused.value.code == "domain_exists"
    assert Domain.objects.count() == Team.objects.count() == 1
    assert size_of_the_log() == before


@pytest.mark.parametrize(
    ("slug", "name"),
    [("", "A"), ("Upper", "A"), ("-a", "A"), ("a-", "A"), ("a" * 51, "A"), ("a", " ")],
)
def test_a_domain_needs_a_name_and_a_lower_case_short_name(slug: str, name: str) -> None:
    with pytest.raises(Invalid):
        domains.found(slug=slug, name=name, actor=identity.SYSTEM)

    assert not Domain.objects.exists()


def test_a_domain_whose_event_fails_is_not_founded() -> None:
    with failing_append(), pytest.raises(AppendFailedError):
        identity.domain()

    assert not Domain.objects.exists()


def test_who_is_admitted_to_one_domain_holds_nothing_in_another() -> None:
    home, other = identity.domain(), identity.domain("umbrella")
    grace = identity.first_person()

    assert people.permissions_for(grace, home) == set(domains.ALL_PERMISSIONS)
    assert people.permissions_for(grace, other) == set()
