from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from governance.models import Person, SigninLink
from governance.services import people, signin_links, signing_in
from tests.factories import identity

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return Client()


def test_opening_a_link_does_not_use_it_up(browser: Client) -> None:
    secret = signin_links.issue()
    for method in (browser.get, browser.head, browser.options):
        method(reverse("enrol", args=[secret]))
    assert SigninLink.objects.get().used_at is None
    assert not Person.objects.exists()


def test_the_first_person_gives_a_name_and_lands_in_the_inbox(browser: Client) -> None:
    address = reverse("enrol", args=[signin_links.issue()])
    assert "Your name" in browser.get(address).text
    answer = browser.post(address, {"display_name": "Grace"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert browser.get("/").context["user"].display_name == "Grace"


def test_a_name_that_is_refused_leaves_the_link_good(browser: Client) -> None:
    address = reverse("enrol", args=[signin_links.issue()])
    assert browser.post(address, {"display_name": " "}).status_code == 422
    assert not Person.objects.exists()
    assert browser.post(address, {"display_name": "Grace"}).status_code == 302


def test_a_link_of_a_person_signs_them_in_with_one_button(browser: Client) -> None:
    identity.domain()
    grace = identity.first_person()
    address = reverse("enrol", args=[signin_links.issue(person=grace)])
    assert "Sign in as Grace" in browser.get(address).text
    assert browser.post(address).status_code == 302
    assert browser.get("/").context["user"] == grace


def test_an_invitation_names_who_invites_and_what_to(browser: Client) -> None:
    domain = identity.domain()
    secret = people.invite(domain=domain, inviter=identity.first_person())
    page = browser.get(reverse("enrol", args=[secret])).text
    assert "Join Acme" in page
    assert "Grace invites you" in page


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_is_somebody_already_does_not_become_a_second_person(
    browser: Client, method: str
) -> None:
    domain, grace = identity.domain(), identity.first_person()
    browser.force_login(grace, backend=signing_in.SESSION_BACKEND)
    secret = people.invite(domain=domain, inviter=grace)
    answer = getattr(browser, method)(reverse("enrol", args=[secret]), {"display_name": "Gloria"})
    assert answer.status_code == 409
    assert "You are Grace here already" in answer.text
    assert list(Person.objects.all()) == [grace]
    browser.logout()
    joined = browser.post(reverse("enrol", args=[secret]), {"display_name": "Gloria"})
    assert joined.status_code == 302


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"expires_at": Now() - timedelta(seconds=1)}, "This link has expired"),
        ({"used_at": Now()}, "This link was used before"),
    ],
)
def test_a_closed_link_is_410_and_says_how_to_get_a_new_one(
    browser: Client, fields: dict[str, object], words: str
) -> None:
    secret = signin_links.issue()
    SigninLink.objects.update(**fields)
    answer = browser.post(reverse("enrol", args=[secret]), {"display_name": "Grace"})
    assert answer.status_code == 410
    assert words in answer.text
    assert "python3 manage.py signin_link" in answer.text
    assert not Person.objects.exists()


def test_an_unknown_link_is_404(browser: Client) -> None:
    assert browser.get(reverse("enrol", args=["nothing"])).status_code == 404


def test_a_password_signs_in_and_follows_next_within_the_site(browser: Client) -> None:
    identity.domain()
    people.set_password(person=identity.first_person(), password="correct horse battery")
    form = {"username": "grace", "password": "correct horse battery"}
    away = browser.post(reverse("signin"), form | {"next": "https://evil.example/"})
    assert away.headers["Location"] == "/"
    here = Client().post(reverse("signin"), form | {"next": "/agents/"})
    assert here.headers["Location"] == "/agents/"


def test_a_wrong_password_and_an_unknown_name_read_the_same(browser: Client) -> None:
    identity.domain()
    people.set_password(person=identity.first_person(), password="correct horse battery")
    wrong = browser.post(reverse("signin"), {"username": "grace", "password": "no"})
    unknown = browser.post(reverse("signin"), {"username": "nobody", "password": "no"})
    assert wrong.status_code == unknown.status_code == 401
    words = "Name or password is not right."
    assert words in wrong.text
    assert words in unknown.text
    assert "_auth_user_id" not in browser.session


def test_pages_ask_a_stranger_to_sign_in(browser: Client) -> None:
    for name in ("inbox", "history", "agents", "agent-register", "settings", "notices"):
        answer = browser.get(reverse(name))
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(reverse("signin"))


def test_signing_out_needs_a_post(browser: Client) -> None:
    identity.domain()
    browser.force_login(
        identity.first_person(), backend="django.contrib.auth.backends.ModelBackend"
    )
    assert browser.get(reverse("signout")).status_code == 405
    assert "_auth_user_id" in browser.session
    browser.post(reverse("signout"))
    assert "_auth_user_id" not in browser.session
