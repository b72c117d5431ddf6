"""The two ways in: a one-time link, or a password. The caller opens the session."""

from django.contrib.auth.backends import ModelBackend
from django.utils.translation import gettext as _

from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.models import Person
from governance.refusals import Refusal
from governance.selectors import people
from governance.services import password_tries, signin_links

# What `django.contrib.auth.login` is told, since the project has two backends.
SESSION_BACKEND = "django.contrib.auth.backends.ModelBackend"


def with_link(*, link_secret: str) -> Person:
    """Use up a person's own sign-in link and return them."""
    with recording():
        link = signin_links.redeem(secret=link_secret)
        if link.person is None:
            raise Refusal("wrong_link", _("This link enrols somebody new; give a name."))
        _record(link.person, "link")
        return link.person


def with_password(*, username: str, password: str, address: str) -> Person:
    """Return the person whose password this is.

    Every wrong answer is the same `wrong_credentials` (401) for a name that exists and one that
    does not, at the same cost; too many tries are a 429. `address` is where the request is from.
    """
    password_tries.count_in(username=username, address=address)
    person = ModelBackend().authenticate(None, username=username, password=password)
    if not isinstance(person, Person) or not person.may_sign_in:
        raise Refusal("wrong_credentials", _("Name or password is not right."), status=401)
    with recording():
        _record(person, "password")
    password_tries.forgive(username=username, address=address)
    return person


def _record(person: Person, method: str) -> None:
    domain = people.domain_for(person)
    record(
        stream=StreamKey("domain", str(domain.pk)),
        type="person.signed_in",
        actor=Actor.person(person.pk),
        domain_id=domain.pk,
        object=ObjectRef("person", str(person.pk)),
        payload={"name": person.display_name, "method": method},
    )
