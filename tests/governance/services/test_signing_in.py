import json
from datetime import timedelta

import pytest

from audit.models import Event
from governance.credentials import fingerprint
from governance.models import PasswordTries, Person
from governance.refusals import Refusal
from governance.services import password_tries, people, signin_links, signing_in
from tests.factories import identity
from tests.factories.audit import AppendFailedError, failing_append, recorded, size_of_the_log
from tests.harness.races import Race

PASSWORD = "correct horse battery staple"
WRONG = "wrong"
HERE = "203.0.113.7"


def grace_with_password() -> Person:
    identity.domain()
    grace = identity.first_person()
    people.set_password(person=grace, password=PASSWORD)
    return grace


def try_in(username: str = "grace", password: str = WRONG, address: str = HERE) -> str:
    with pytest.raises(Refusal) as refused:
        signing_in.with_password(username=username, password=password, address=address)
    return refused.value.code


@pytest.mark.django_db
def test_a_link_signs_its_person_in_once_and_is_recorded() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    secret = signin_links.issue(person=grace)

    assert signing_in.with_link(link_secret=secret) == grace

    assert recorded(f"domain:{domain.pk}")[-1] == "person.signed_in"
    with pytest.raises(Refusal):
        signing_in.with_link(link_secret=secret)
    assert recorded(f"domain:{domain.pk}").count("person.signed_in") == 1


@pytest.mark.django_db
def test_a_sign_in_whose_event_fails_leaves_the_link_good() -> None:
    identity.domain()
    grace = identity.first_person()
    secret = signin_links.issue(person=grace)

    with failing_append(), pytest.raises(AppendFailedError):
        signing_in.with_link(link_secret=secret)

    assert signing_in.with_link(link_secret=secret) == grace


@pytest.mark.django_db
def test_the_right_password_signs_in() -> None:
    grace = grace_with_password()

    found = signing_in.with_password(username="grace", password=PASSWORD, address=HERE)

    assert found == grace
    assert "person.signed_in" in recorded()


@pytest.mark.django_db
def test_wrong_name_wrong_password_and_somebody_who_cannot_sign_in_look_alike() -> None:
    grace = grace_with_password()

    assert try_in() == try_in(username="nobody") == "wrong_credentials"
    Person.objects.filter(pk=grace.pk).update(may_sign_in=False)
    assert try_in(password=PASSWORD) == "wrong_credentials"
    assert "person.signed_in" not in recorded()


@pytest.mark.django_db
def test_a_refused_sign_in_is_recorded_once_a_minute_for_a_name_that_nobody_can_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grace_with_password()
    for username in ("grace", "GRACE", "nobody", "grace"):
        try_in(username=username)

    told = Event.objects.filter(type="person.signin_refused")
    names = [json.loads(event.payload.fields)["name_hash"] for event in told]
    assert len(set(names)) == len(names) == 2
    assert not {fingerprint("grace"), "grace"} & set(names)
    assert "grace" not in str([(e.envelope, e.payload.fields) for e in told]).lower()
    monkeypatch.setattr(signing_in, "SAME_REFUSAL", timedelta(0))
    try_in()
    assert told.all().count() == 3


@pytest.mark.django_db
def test_tries_beyond_the_limit_add_nothing_to_the_log() -> None:
    grace_with_password()
    for number in range(30):
        password_tries.count_in(username=f"n{number}", address=HERE)
    before = size_of_the_log()

    assert try_in(username="another") == "too_many_tries"
    assert size_of_the_log() == before


@pytest.mark.django_db
def test_before_there_is_a_domain_a_refused_sign_in_is_recorded_nowhere() -> None:
    before = size_of_the_log()

    assert try_in() == "wrong_credentials"
    assert size_of_the_log() == before


@pytest.mark.django_db
def test_after_five_wrong_passwords_even_the_right_one_waits() -> None:
    grace_with_password()

    assert [try_in() for _ in range(5)] == ["wrong_credentials"] * 5
    assert try_in(password=PASSWORD) == "too_many_tries"
    assert try_in(username="GRACE", password=PASSWORD) == "too_many_tries"
    assert "person.signed_in" not in recorded()


@pytest.mark.django_db
def test_one_who_is_attacked_from_elsewhere_can_still_sign_in() -> None:
    grace = grace_with_password()
    for _ in range(6):
        try_in(address="198.51.100.9")

    assert signing_in.with_password(username="grace", password=PASSWORD, address=HERE) == grace


@pytest.mark.django_db
def test_the_window_ends_and_the_right_password_forgives() -> None:
    grace = grace_with_password()
    for _ in range(5):
        try_in()
    identity.let_pass(PasswordTries, "window_ends_at", 1)

    assert signing_in.with_password(username="grace", password=PASSWORD, address=HERE) == grace
    assert [try_in() for _ in range(6)][-1] == "too_many_tries"


@pytest.mark.django_db
def test_trying_many_names_from_one_address_is_stopped() -> None:
    for number in range(30):
        password_tries.count_in(username=f"n{number}", address=HERE)

    with pytest.raises(Refusal) as refused:
        password_tries.count_in(username="another", address=HERE)

    assert refused.value.status == 429
    assert refused.value.extra["retry_after"] == 900


@pytest.mark.django_db
def test_the_table_of_tries_names_nobody() -> None:
    password_tries.count_in(username="grace", address=HERE)

    stored = str(list(PasswordTries.objects.values()))
    assert "grace" not in stored
    assert HERE not in stored


def test_a_burst_of_tries_cannot_overtake_the_limit(race: Race) -> None:
    grace_with_password()

    answers = race(
        *[lambda: signing_in.with_password(username="grace", password="wrong", address=HERE)] * 12
    )

    codes = [answer.code for answer in answers if isinstance(answer, Refusal)]
    assert codes.count("wrong_credentials") == 5
    assert codes.count("too_many_tries") == 7
