"""The two ways in: a one-time link, or a password. The caller opens the session."""

from datetime import timedelta

from django.contrib.auth.backends import ModelBackend
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from audit.services.coalescing import record_unless_lately
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.models import Domain, Person
from governance.refusals import Refusal
from governance.selectors import people
from governance.services import password_tries, signin_links

# What `django.contrib.auth.login` is told, since the project has two backends.
SESSION_BACKEND = "django.contrib.auth.backends.ModelBackend"
# A name that is refused again within this time adds nothing to the log.
SAME_REFUSAL = timedelta(minutes=1)


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
    A wrong answer is recorded, at most once a minute for a name; tries beyond the limit are not,
    or a stranger could fill the log with names.
    """
    password_tries.count_in(username=username, address=address)
    person = ModelBackend().authenticate(None, username=username, password=password)
    if not isinstance(person, Person) or not person.may_sign_in:
        _record_refusal(username)
        raise Refusal("wrong_credentials", _("Name or password is not right."), status=401)
    with recording():
        _record(person, "password")
    password_tries.forgive(username=username, address=address)
    return person


def _record_refusal(username: str) -> None:
    """Write down that a name was refused, in the oldest domain: a wrong name belongs to none.

    The name is hashed with the installation's key, since people type passwords into that field.
    """
    domain = Domain.objects.order_by("created_at").first()
    if domain is None:
        return
    folded = username.casefold().encode("utf-8", "replace")
    name = salted_hmac("governance.signin", folded, algorithm="sha256").hexdigest()
    with recording():
        record_unless_lately(
            stream=StreamKey("domain", str(domain.pk)),
            type="person.signin_refused",
            actor=Actor.system("signin"),
            domain_id=domain.pk,
            object=ObjectRef("domain", str(domain.pk)),
            payload={"name_hash": name, "method": "password"},
            alike=("name_hash",),
            within=SAME_REFUSAL,
        )


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
