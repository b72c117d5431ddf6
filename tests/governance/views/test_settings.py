import re

import pytest
from django.test import Client
from django.urls import reverse

from governance.models import Domain, Person, SigninLink, Token, Webhook
from tests.factories import identity
from tests.governance.views.conftest import signed_in


@pytest.fixture
def domain(db: None) -> Domain:
    return identity.domain()


@pytest.fixture
def grace(domain: Domain) -> Person:
    return identity.first_person()


@pytest.fixture
def browser(grace: Person) -> Client:
    return signed_in(grace)


def secret_in(page: str) -> str:
    found = re.search(r'class="command secret"><code>([^<]+)</code>', page)
    assert found
    return found[1]


def test_a_theme_is_kept_in_a_cookie_that_the_first_paint_reads(browser: Client) -> None:
    browser.post(reverse("settings-appearance"), {"theme": "dark"})
    assert '<html lang="en" dir="ltr" data-theme="dark">' in browser.get("/").text
    browser.cookies["theme"] = 'dark" onload="x'
    assert "data-theme" not in browser.get("/").text


def test_single_key_shortcuts_can_be_switched_off(browser: Client) -> None:
    browser.post(reverse("settings-appearance"), {"keys": "off"})
    assert '<body data-keys="off"' in browser.get("/").text


def test_setting_a_password_keeps_this_session_and_ends_others(
    browser: Client, grace: Person
) -> None:
    other = signed_in(grace)
    answer = browser.post(reverse("settings-password"), {"password": "correct horse battery"})
    assert answer.status_code == 302
    assert browser.get(reverse("settings")).status_code == 200
    assert other.get(reverse("settings")).status_code == 302


def test_a_weak_password_is_refused_at_its_field(browser: Client, grace: Person) -> None:
    answer = browser.post(reverse("settings-password"), {"password": "short"})
    assert answer.status_code == 422
    assert "too short" in answer.text
    grace.refresh_from_db()
    assert not grace.has_usable_password()


def test_a_token_is_shown_once_and_can_be_revoked(browser: Client) -> None:
    address = reverse("settings-tokens")
    made = browser.post(address, {"name": "laptop", "days": "30"})
    assert "no-store" in made.headers["Cache-Control"]
    secret = secret_in(made.text)
    again = browser.get(reverse("settings")).text
    assert "laptop" in again
    assert secret not in again
    browser.post(reverse("settings-token-revoke", args=[Token.objects.get().pk]))
    assert Token.objects.get().revoked_at is not None
    assert "laptop" not in browser.get(reverse("settings")).text.replace("“laptop”", "")


def test_nobody_revokes_the_token_of_somebody_else(
    domain: Domain, browser: Client, grace: Person
) -> None:
    browser.post(reverse("settings-tokens"), {"name": "laptop", "days": "30"})
    heidi = signed_in(identity.member(domain, grace))
    answer = heidi.post(reverse("settings-token-revoke", args=[Token.objects.get().pk]))
    assert answer.status_code == 404
    assert Token.objects.get().revoked_at is None


def test_an_invitation_lets_a_second_person_in(browser: Client) -> None:
    link = secret_in(browser.post(reverse("settings-invitation")).text)
    second = Client()
    path = link.removeprefix("http://testserver")
    assert "Grace invites you" in second.get(path).text
    assert second.post(path, {"display_name": "Heidi"}).status_code == 302
    assert Person.objects.filter(display_name="Heidi").exists()


def test_who_does_not_manage_people_invites_nobody(domain: Domain, grace: Person) -> None:
    heidi = signed_in(identity.member(domain, grace))
    before = SigninLink.objects.count()
    assert "A second person" not in heidi.get(reverse("settings")).text
    assert heidi.post(reverse("settings-invitation")).status_code == 403
    assert SigninLink.objects.count() == before


def test_a_webhook_shows_its_secret_once_and_can_be_removed(browser: Client) -> None:
    made = browser.post(reverse("settings-webhooks"), {"url": "https://hooks.example/x"})
    secret = secret_in(made.text)
    page = browser.get(reverse("settings")).text
    assert "https://hooks.example/x" in page
    assert secret not in page
    webhook = Webhook.objects.get()
    browser.post(reverse("settings-webhook-remove", args=[webhook.pk]))
    webhook.refresh_from_db()
    assert not webhook.is_active


@pytest.mark.parametrize("url", ["http://hooks.example/x", "https://me:pw@hooks.example/"])
def test_an_address_that_is_not_safe_is_refused(browser: Client, url: str) -> None:
    assert browser.post(reverse("settings-webhooks"), {"url": url}).status_code == 422
    assert not Webhook.objects.exists()
