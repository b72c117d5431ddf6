from datetime import timedelta

import pytest

from audit.services.events import recording
from governance.credentials import fingerprint
from governance.models import SigninLink
from governance.refusals import Forbidden, Gone, Invalid, Refusal
from governance.selectors.signin_links import open_link
from governance.services import people, signin_links, signing_in
from tests.factories import identity
from tests.factories.audit import AppendFailedError, failing_append, size_of_the_log
from tests.harness.races import Race


@pytest.mark.django_db
def test_only_the_hash_of_a_secret_of_256_bits_is_kept() -> None:
    secret = signin_links.issue()

    link = SigninLink.objects.get()
    assert link.secret_hash == fingerprint(secret)
    assert len(secret) >= 43
    assert secret not in str(SigninLink.objects.values())


@pytest.mark.django_db
@pytest.mark.parametrize(
    "ttl", [timedelta(), timedelta(minutes=14, seconds=59), timedelta(hours=24, seconds=1)]
)
def test_a_link_lives_between_15_minutes_and_24_hours(ttl: timedelta) -> None:
    with pytest.raises(Invalid):
        signin_links.issue(ttl=ttl)

    assert not SigninLink.objects.exists()


@pytest.mark.django_db
def test_a_link_whose_event_fails_does_not_exist() -> None:
    with failing_append(), pytest.raises(AppendFailedError):
        signin_links.issue()

    assert not SigninLink.objects.exists()


@pytest.mark.django_db
def test_looking_at_a_link_does_not_use_it_up() -> None:
    secret = signin_links.issue()

    assert [open_link(secret).purpose for _ in range(3)] == ["first"] * 3
    assert SigninLink.objects.get().used_at is None


@pytest.mark.django_db
def test_a_link_that_expired_opens_nothing() -> None:
    secret = signin_links.issue()
    identity.let_link_expire(secret)
    before = size_of_the_log()

    for use in (lambda: open_link(secret), lambda: signin_links.redeem(secret=secret)):
        with pytest.raises(Gone) as refused:
            use()
        assert refused.value.code == "link_expired"
    assert SigninLink.objects.get().used_at is None
    assert size_of_the_log() == before


@pytest.mark.django_db
def test_an_unknown_link_opens_nothing() -> None:
    for use in (open_link, lambda secret: signin_links.redeem(secret=secret)):
        with pytest.raises(Refusal) as refused:
            use("guess")
        assert (refused.value.code, refused.value.status) == ("link_unknown", 404)


@pytest.mark.django_db
def test_a_used_link_says_so() -> None:
    secret = signin_links.issue()
    with recording():
        signin_links.redeem(secret=secret)

    with pytest.raises(Gone) as refused:
        open_link(secret)

    assert refused.value.code == "link_used"


@pytest.mark.django_db
def test_nobody_gets_a_link_for_a_person_who_cannot_sign_in() -> None:
    ada = identity.seeded("Ada")
    before = size_of_the_log()

    with pytest.raises(Forbidden) as refused:
        signin_links.issue(person=ada)

    assert refused.value.code == "person_may_not_sign_in"
    assert not SigninLink.objects.exists()
    assert size_of_the_log() == before


def test_of_many_who_use_one_link_at_once_one_gets_in(race: Race) -> None:
    identity.domain()
    grace = identity.first_person()
    secret = signin_links.issue(person=grace)

    answers = race(*[lambda: signing_in.with_link(link_secret=secret)] * 8)

    assert [a for a in answers if not isinstance(a, Exception)] == [grace]
    assert {a.code for a in answers if isinstance(a, Refusal)} == {"link_used"}


def test_of_many_first_links_used_at_once_one_makes_the_first_person(race: Race) -> None:
    identity.domain()
    secrets = [signin_links.issue() for _ in range(6)]

    answers = race(
        *[
            lambda s=secret, n=number: people.enrol_first(link_secret=s, display_name=f"Eve {n}")
            for number, secret in enumerate(secrets)
        ]
    )

    won = [a for a in answers if not isinstance(a, Exception)]
    lost = [a for a in answers if isinstance(a, Refusal)]
    assert len(won) == 1
    assert {a.code for a in lost} == {"already_enrolled"}
    assert len(lost) == 5
