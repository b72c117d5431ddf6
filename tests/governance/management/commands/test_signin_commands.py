from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from governance.models import SigninLink, Token
from governance.selectors.signin_links import open_link
from governance.selectors.tokens import holder_of
from tests.factories import identity

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().strip()


def test_signin_link_prints_an_address_that_enrols_the_first_person(settings: Settings) -> None:
    settings.BASE_URL = "http://localhost:8123"
    identity.domain()

    address = said("signin_link")

    start = "http://localhost:8123/enrol/"
    assert address.startswith(start)
    assert open_link(address.removeprefix(start).strip("/")).purpose == "first"


def test_later_it_signs_the_first_person_in() -> None:
    identity.domain()
    grace = identity.first_person()

    secret = said("signin_link").rstrip("/").rpartition("/")[2]

    assert open_link(secret).person == grace


def test_it_refuses_who_cannot_sign_in_and_who_is_not_there() -> None:
    identity.seeded("Ada")

    for name in ("ada", "nobody"):
        with pytest.raises(CommandError):
            said("signin_link", "--person", name)
    with pytest.raises(CommandError):
        said("signin_link", "--minutes", "1")

    assert not SigninLink.objects.exists()


def test_invite_prints_an_invitation_once_somebody_enrolled() -> None:
    identity.domain()
    with pytest.raises(CommandError):
        said("invite")
    assert not SigninLink.objects.exists()
    grace = identity.first_person()

    secret = said("invite").rstrip("/").rpartition("/")[2]

    assert open_link(secret).inviter == grace


def test_token_prints_a_token_of_a_person_or_an_agent() -> None:
    domain = identity.domain()
    grace = identity.first_person()
    identity.agent(domain)
    newest = identity.agent(domain, version=2)

    assert holder_of(said("token", "--person", "grace")).person == grace
    assert holder_of(said("token", "--agent", "scout", "--days", "1")).agent == newest


@pytest.mark.parametrize(
    "arguments",
    [
        ["--person", "nobody"],
        ["--person", "ada"],
        ["--agent", "nobody"],
        ["--agent", "scout"],
        ["--agent", "scout", "--domain", "acme", "--days", "91"],
    ],
)
def test_token_refuses_what_the_product_refuses(arguments: list[str]) -> None:
    identity.agent(identity.domain())
    identity.agent(identity.domain("umbrella"))

    with pytest.raises(CommandError):
        said("token", *arguments)

    assert not Token.objects.exists()
