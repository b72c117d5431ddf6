"""Founding a domain and letting people into it."""

import re

from django.db import IntegrityError
from django.utils.translation import gettext as _

from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.models import Domain, DomainPersonPermission, Person, Team
from governance.refusals import Invalid, Refusal
from governance.selectors import people

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?")
MAINTAINERS = "maintainers"
ALL_PERMISSIONS = tuple(codename for codename, _label in Domain._meta.permissions)  # noqa: SLF001 - Django's documented way in
# What binds the domain itself is given to people one by one.
_OF_FEW = frozenset({"manage_people", "sign_contracts"})
MEMBER_PERMISSIONS = tuple(name for name in ALL_PERMISSIONS if name not in _OF_FEW)


def found(*, slug: str, name: str, actor: Actor) -> Domain:
    """Create a domain with its team of maintainers, whom the default policies ask first."""
    if not SLUG.fullmatch(slug) or not name.strip():
        raise Invalid("invalid_domain", _("A domain needs a name and a lower-case short name."))
    try:
        with recording():
            domain = Domain.objects.create(slug=slug, name=name.strip())
            Team.objects.create(domain=domain, slug=MAINTAINERS, name="Maintainers")
            record(
                stream=StreamKey("domain", str(domain.pk)),
                type="domain.created",
                actor=actor,
                domain_id=domain.pk,
                object=ObjectRef("domain", str(domain.pk)),
                payload={"name": domain.name, "slug": domain.slug},
            )
    except IntegrityError:
        raise Refusal("domain_exists", _("There is a domain with this short name.")) from None
    return domain


def admit(*, domain: Domain, person: Person, permissions: tuple[str, ...]) -> None:
    """Give a person permissions on the domain and a place among its maintainers.

    Joins the caller's recording(), whose event says why.
    """
    for permission in permissions:
        DomainPersonPermission.objects.assign_perm(permission, person, domain)
    domain.teams.get(slug=MAINTAINERS).people.add(person)
    people.forget(person)
