from collections.abc import Callable

import pytest
from django.contrib.auth import authenticate
from django.test import Client

from audit.services.events import recording
from governance.models import DomainPersonPermission, Person, SigninLink, Token
from governance.refusals import Forbidden, Invalid, Refusal
from governance.selectors import people as selectors
from governance.services import domains, people, signin_links, signing_in, tokens
from tests.factories import identity
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"


def test_the_first_person_is_a_maintainer_with_every_permission() -> None:
    domain = identity.domain()

    grace = identity.first_person()

    assert selectors.domain_for(grace) == domain
    assert selectors.permissions_for(grace, domain) == set(domains.ALL_PERMISSIONS)
    assert selectors.team_slugs_of(grace, domain) == {"maintainers"}
    assert recorded(f"domain:{domain.pk}")[-1] == "person.enrolled"


def test_without_a_domain_the_first_person_founds_one() -> None:
    grace = identity.first_person()

    assert selectors.domain_for(grace).slug == "main"


def test_somebody_who_was_enrolled_first_stays_the_only_first() -> None:
    identity.domain()
    identity.first_person()
    secret = signin_links.issue()
    before = size_of_the_log()

    with pytest.raises(Refusal) as refused:
        people.enrol_first(link_secret=secret, display_name="Mallory")

    assert refused.value.code == "already_enrolled"
    assert not Person.objects.filter(display_name="Mallory").exists()
    assert size_of_the_log() == before


@pytest.mark.parametrize(
    "name", ["", "  ", "a" * 121, "Ada\u202eecarG", "Gr\u200bace", "A\nB", "Gr\u0430ce"]
)
def test_a_refused_name_leaves_the_link_good(name: str) -> None:
    identity.domain()
    secret = signin_links.issue()

    with pytest.raises(Invalid):
        people.enrol_first(link_secret=secret, display_name=name)

    assert not Person.objects.exists()
    assert str(people.enrol_first(link_secret=secret, display_name="Grace")) == "Grace"


def test_nobody_takes_the_name_of_somebody_else() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    secret = people.invite(domain=domain, inviter=grace)

    with pytest.raises(Refusal) as refused:
        people.accept(link_secret=secret, display_name="GRACE")

    assert refused.value.code == "name_taken"
    assert Person.objects.count() == 1
    assert people.accept(link_secret=secret, display_name="Heidi").username == "heidi"


def test_an_enrolment_whose_event_fails_leaves_no_person_and_a_good_link() -> None:
    identity.domain()
    secret = signin_links.issue()

    with failing_append(), pytest.raises(AppendFailedError):
        people.enrol_first(link_secret=secret, display_name="Grace")

    assert not Person.objects.exists()
    assert not DomainPersonPermission.objects.exists()
    assert str(people.enrol_first(link_secret=secret, display_name="Grace")) == "Grace"


def test_who_is_invited_reviews_and_cannot_invite() -> None:
    domain = identity.domain()
    grace = identity.first_person()

    heidi = identity.member(domain, grace)

    assert selectors.permissions_for(heidi, domain) == set(domains.MEMBER_PERMISSIONS)
    assert selectors.team_slugs_of(heidi, domain) == {"maintainers"}
    with pytest.raises(Forbidden):
        people.invite(domain=domain, inviter=heidi)
    assert SigninLink.objects.filter(inviter=heidi).count() == 0


def test_an_invitation_dies_with_its_inviters_authority() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    secret = people.invite(domain=domain, inviter=grace)
    DomainPersonPermission.objects.filter(user=grace).delete()

    with pytest.raises(Forbidden):
        people.accept(link_secret=secret, display_name="Mallory")

    assert not Person.objects.filter(display_name="Mallory").exists()
    assert SigninLink.objects.get(inviter=grace).used_at is None


def test_links_of_one_purpose_do_not_serve_another() -> None:
    domain = identity.domain()
    first = signin_links.issue()
    grace = identity.first_person()
    invitation = people.invite(domain=domain, inviter=grace)
    own = signin_links.issue(person=grace)
    before = size_of_the_log()

    uses: list[Callable[[], object]] = [
        lambda: people.accept(link_secret=first, display_name="Mallory"),
        lambda: people.accept(link_secret=own, display_name="Mallory"),
        lambda: people.enrol_first(link_secret=invitation, display_name="Mallory"),
        lambda: people.enrol_first(link_secret=own, display_name="Mallory"),
        lambda: signing_in.with_link(link_secret=invitation),
        lambda: signing_in.with_link(link_secret=first),
    ]
    for wrong in uses:
        with pytest.raises(Refusal) as refused:
            wrong()
        assert refused.value.code == "wrong_link"

    assert SigninLink.objects.filter(used_at=None).count() == 3
    assert Person.objects.count() == 1
    assert size_of_the_log() == before


def test_a_seeded_person_cannot_sign_in_by_any_way() -> None:
    identity.domain()
    ada = identity.seeded("Ada")

    assert not ada.has_usable_password()
    assert authenticate(username="ada", password="") is None
    ways: list[Callable[[], object]] = [
        lambda: signin_links.issue(person=ada),
        lambda: people.set_password(person=ada, password=PASSWORD),
        lambda: tokens.issue(person=ada, name="laptop", ttl=tokens.LONGEST, actor=identity.SYSTEM),
    ]
    for way in ways:
        with pytest.raises(Forbidden):
            way()
    assert not Token.objects.exists()
    assert Person.objects.get(pk=ada.pk).password == ada.password


def test_seeding_somebody_again_changes_nothing() -> None:
    ada = identity.seeded("Ada")
    before = size_of_the_log()

    assert identity.seeded("Ada") == ada
    assert size_of_the_log() == before


def test_a_seed_never_takes_over_somebody_who_can_sign_in() -> None:
    identity.domain()
    grace = identity.first_person()

    with pytest.raises(Refusal):
        people.seed(username="grace", display_name="Grace")

    assert Person.objects.get().may_sign_in
    assert Person.objects.get() == grace


def test_a_seeding_whose_event_fails_adds_nobody() -> None:
    with failing_append(), pytest.raises(AppendFailedError):
        identity.seeded("Ada")

    assert not Person.objects.exists()


@pytest.mark.parametrize("password", ["short", "password1234", "Grace Grace Grace"])
def test_a_weak_password_is_refused(password: str) -> None:
    identity.domain()
    grace = identity.first_person("Grace Grace Grace")

    with pytest.raises(Invalid):
        people.set_password(person=grace, password=password)

    assert not Person.objects.get(pk=grace.pk).has_usable_password()


def test_a_password_is_kept_by_argon2_and_changed_only_with_the_current_one() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    people.set_password(person=grace, password=PASSWORD)

    with pytest.raises(Invalid) as refused:
        people.set_password(person=grace, password="another good one here", current="no")

    assert refused.value.code == "wrong_password"
    assert Person.objects.get(pk=grace.pk).check_password(PASSWORD)
    assert Person.objects.get(pk=grace.pk).password.startswith("argon2")
    people.set_password(person=grace, password="another good one here", current=PASSWORD)
    assert Person.objects.get(pk=grace.pk).check_password("another good one here")
    assert recorded(f"domain:{domain.pk}").count("person.password_set") == 2


def test_a_password_whose_event_fails_is_not_set() -> None:
    identity.domain()
    grace = identity.first_person()

    with failing_append(), pytest.raises(AppendFailedError):
        people.set_password(person=grace, password=PASSWORD)

    assert not Person.objects.get(pk=grace.pk).has_usable_password()


def test_mail_goes_where_the_person_says_and_to_nothing_else() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    people.set_address(person=grace, email="grace@example.org")

    for wrong in ("grace", "a@b@c", "grace@example.org\nBcc: x@example.org"):
        with pytest.raises(Invalid):
            people.set_address(person=grace, email=wrong)
    with failing_append(), pytest.raises(AppendFailedError):
        people.set_address(person=grace, email="other@example.org")

    assert Person.objects.get(pk=grace.pk).email == "grace@example.org"
    assert recorded(f"domain:{domain.pk}").count("person.address_set") == 1
    people.set_address(person=grace, email="")
    assert Person.objects.get(pk=grace.pk).email == ""


def test_deactivating_ends_tokens_links_password_and_sessions() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    heidi = identity.member(domain, grace)
    people.set_password(person=heidi, password=PASSWORD)
    tokens.issue(person=heidi, name="laptop", ttl=tokens.LONGEST, actor=identity.SYSTEM)
    secret = signin_links.issue(person=heidi)
    browser = Client()
    browser.force_login(heidi, backend=signing_in.SESSION_BACKEND)
    assert browser.get("/api/v1/me/").status_code == 200

    people.deactivate(domain=domain, person=heidi, by=grace, reason="Left.")

    assert recorded(f"domain:{domain.pk}")[-1] == "person.deactivated"
    assert browser.get("/api/v1/me/").status_code == 401
    assert not Token.objects.filter(revoked_at=None).exists()
    assert selectors.permissions_for(Person.objects.get(pk=heidi.pk), domain) == set()
    with pytest.raises(Refusal):
        signing_in.with_link(link_secret=secret)
    with pytest.raises(Refusal):
        signing_in.with_password(username="heidi", password=PASSWORD, address="::1")
    Person.objects.filter(pk=heidi.pk).update(is_active=True)
    assert browser.get("/api/v1/me/").status_code == 401
    assert recorded(f"domain:{domain.pk}")[-1] == "person.signin_refused"


def test_nobody_deactivates_themselves_or_without_authority() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    heidi = identity.member(domain, grace)
    before = size_of_the_log()

    for by, person, reason in ((grace, grace, "x"), (heidi, grace, "x"), (grace, heidi, " ")):
        with pytest.raises(Refusal):
            people.deactivate(domain=domain, person=person, by=by, reason=reason)

    assert Person.objects.filter(is_active=True).count() == 2
    assert size_of_the_log() == before


def test_a_deactivation_whose_event_fails_leaves_everything_alive() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    heidi = identity.member(domain, grace)
    tokens.issue(person=heidi, name="laptop", ttl=tokens.LONGEST, actor=identity.SYSTEM)

    with failing_append(), pytest.raises(AppendFailedError):
        people.deactivate(domain=domain, person=heidi, by=grace, reason="Left.")

    assert Person.objects.get(pk=heidi.pk).is_active
    assert Token.objects.filter(revoked_at=None).count() == 1


def test_who_manages_people_here_deactivates_nobody_of_another_domain() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    stranger = Person.objects.create(username="mallory", display_name="Mallory")
    elsewhere = identity.domain("elsewhere")
    with recording():
        domains.admit(domain=elsewhere, person=stranger, permissions=domains.ALL_PERMISSIONS)
    before = size_of_the_log()

    with pytest.raises(Refusal) as refused:
        people.deactivate(domain=domain, person=stranger, by=grace, reason="Gone.")

    assert refused.value.code == "inactive_person"
    assert Person.objects.get(pk=stranger.pk).is_active
    assert size_of_the_log() == before
