"""Who may do what, answered by one look-up per request and person."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from governance.models import Domain, DomainGroupPermission, DomainPersonPermission, Person, Team
from governance.refusals import Forbidden, Refusal

Held = Mapping[uuid.UUID, frozenset[str]]

_HELD = "_permissions_held"
_DOMAIN = "_domain_found"


def permissions_for(person: Any, domain: Domain) -> frozenset[str]:
    """Return the permissions a person holds on a domain, straight or through groups.

    Only an active person holds any; an agent, an anonymous visitor and the superuser flag count
    for nothing. The answer is kept on the instance, so it is as old as the instance.
    """
    return _held_by(person).get(domain.pk, frozenset())


def domain_for(person: Any) -> Domain:
    """Return the domain a person works in: the oldest one in which they may do anything.

    Raises Forbidden with `no_domain` when there is none.
    """
    if domain := find_domain(person):
        return domain
    raise Forbidden("no_domain", _("You belong to no domain yet; ask for an invitation."))


def find_domain(person: Any) -> Domain | None:
    """Return the same domain as `domain_for`, or None; remembered on the instance."""
    if not isinstance(person, Person):
        return None
    remembered = vars(person)
    if _DOMAIN not in remembered:
        domains = Domain.objects.filter(pk__in=_held_by(person))
        remembered[_DOMAIN] = domains.order_by("created_at").first()
    found: Domain | None = remembered[_DOMAIN]
    return found


def require(person: Any, domain: Domain, permission: str) -> None:
    """Raise Forbidden with `permission_missing` unless the person holds the permission."""
    if permission not in permissions_for(person, domain):
        detail = _("You lack the permission “%(name)s” here; ask who manages people for it.")
        raise Forbidden("permission_missing", detail % {"name": permission}, permission=permission)


def holds_now(person: Any, domain_id: uuid.UUID | None, permission: str | None = None) -> bool:
    """Whether a person holds the permission (or any, when none is named) as of this moment.

    For live connections, whose person was loaded long ago: the database is asked again.
    """
    held: frozenset[str] = frozenset()
    if isinstance(person, Person) and domain_id is not None:
        held = _look_up(person).get(domain_id, held)
    return permission in held if permission else bool(held)


def domains_with(person: Any, permission: str) -> list[uuid.UUID]:
    """Return the domains on which a person holds the permission."""
    return [domain for domain, held in _held_by(person).items() if permission in held]


def domains_of(person: Any) -> list[uuid.UUID]:
    """Return the domains in which a person may do anything."""
    return list(_held_by(person))


def forget(person: Person) -> None:
    """Drop what `permissions_for` remembered, after the person's permissions changed."""
    vars(person).pop(_HELD, None)
    vars(person).pop(_DOMAIN, None)


def console_person(username: str) -> Person | None:
    """Return who a command on the machine speaks of: by user name, else the first who enrolled.

    None only when no name is given and nobody has enrolled; raises Refusal for a wrong name.
    """
    if not username:
        enrolled = Person.objects.filter(may_sign_in=True, is_active=True)
        return enrolled.order_by("date_joined").first()
    if person := Person.objects.filter(username=username).first():
        return person
    detail = _("There is nobody called %(name)s here.")
    raise Refusal("not_found", detail % {"name": username}, status=404)


def is_inactive(person_id: Any) -> bool:
    """Whether this is the id of somebody whose account was ended; a session may outlive it."""
    return bool(person_id) and Person.objects.filter(pk=person_id, is_active=False).exists()


def people_of(domain: Domain) -> QuerySet[Person]:
    """Return the active people of a domain by name: members, and owners and sponsors of agents."""
    of_domain = (
        Q(domainpersonpermission__content_object=domain)
        | Q(groups__domaingrouppermission__content_object=domain)
        | Q(teams__domain=domain)
        | Q(owned_agents__domain=domain)
        | Q(sponsored_agents__domain=domain)
    )
    found = Person.objects.filter(of_domain, is_active=True).values("pk")
    return Person.objects.filter(pk__in=found).order_by("display_name", "username")


def reviewers_of(domain: Domain) -> QuerySet[Person]:
    """Return the active people who can sign in and may decide gates of the domain."""
    return holders_of(domain.pk, "review_gates")


def holders_of(domain_id: uuid.UUID, permission: str) -> QuerySet[Person]:
    """Return the active people who can sign in and hold the permission on the domain."""
    direct = Q(
        domainpersonpermission__content_object=domain_id,
        domainpersonpermission__permission__codename=permission,
    )
    through_group = Q(
        groups__domaingrouppermission__content_object=domain_id,
        groups__domaingrouppermission__permission__codename=permission,
    )
    found = Person.objects.filter(direct | through_group, is_active=True, may_sign_in=True)
    return Person.objects.filter(pk__in=found.values("pk")).order_by("display_name", "username")


def team_slugs_of(person: Person, domain: Domain) -> frozenset[str]:
    """Return the slugs of the domain's teams the person is in."""
    return frozenset(
        Team.objects.filter(domain=domain, people=person).values_list("slug", flat=True)
    )


def _held_by(person: Any) -> Held:
    if not isinstance(person, Person):
        return {}
    remembered: Held | None = vars(person).get(_HELD)
    if remembered is None:
        remembered = vars(person)[_HELD] = _look_up(person)
    return remembered


def _look_up(person: Person) -> Held:
    columns = ("content_object_id", "permission__codename")
    direct = DomainPersonPermission.objects.filter(user=person.pk, user__is_active=True)
    grouped = DomainGroupPermission.objects.filter(
        group__user=person.pk, group__user__is_active=True
    )
    held: dict[uuid.UUID, set[str]] = {}
    for domain_id, codename in direct.values_list(*columns).union(grouped.values_list(*columns)):
        held.setdefault(domain_id, set()).add(codename)
    return {domain_id: frozenset(names) for domain_id, names in held.items()}
