"""How human accounts come and go."""

import secrets
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError
from django.db.models.functions import Now
from django.utils.text import slugify
from django.utils.translation import gettext as _

from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.models import Domain, Person, SigninLink, Token
from governance.refusals import Forbidden, Invalid, Refusal
from governance.selectors import people
from governance.services import domains, signin_links
from governance.visible import visible

NAME_LENGTH = 120


def enrol_first(*, link_secret: str, display_name: str) -> Person:
    """Make the holder of the first link the first person: a maintainer with every permission.

    Exactly one person can be the first, however many first links are about; a domain is founded
    when there is none yet. A refused name leaves the link good.
    """
    name = _checked_name(display_name)
    with recording():
        link = signin_links.redeem(secret=link_secret)
        if link.person is not None or link.domain is not None:
            raise Refusal("wrong_link", _("This link is not for the first person."))
        domain = _home()
        unclaimed = Domain.objects.filter(pk=domain.pk, enrolled_at=None)
        if unclaimed.update(enrolled_at=Now()) != 1:
            raise Refusal(
                "already_enrolled", _("Somebody enrolled before you; ask them for an invitation.")
            )
        return _enrol(domain, name, domains.ALL_PERMISSIONS)


def invite(*, domain: Domain, inviter: Person, ttl: timedelta = signin_links.LONGEST) -> str:
    """Return the secret of a link by which one more person can join the domain.

    Needs `manage_people`. A second person is what every action of four eyes waits for.
    """
    people.require(inviter, domain, "manage_people")
    return signin_links.issue(domain=domain, inviter=inviter, ttl=ttl)


def accept(*, link_secret: str, display_name: str) -> Person:
    """Make the holder of an invitation a maintainer, who cannot invite or deactivate others.

    The invitation is worth nothing once its inviter may no longer manage people.
    """
    name = _checked_name(display_name)
    with recording():
        link = signin_links.redeem(secret=link_secret)
        if link.domain is None or link.inviter is None:
            raise Refusal("wrong_link", _("This link is not an invitation."))
        people.require(link.inviter, link.domain, "manage_people")
        return _enrol(link.domain, name, domains.MEMBER_PERMISSIONS, link)


def seed(
    *,
    username: str,
    display_name: str,
    domain: Domain | None = None,
    actor: Actor | None = None,
) -> Person:
    """Add a person who owns or sponsors but cannot sign in, by any way.

    The same user name again returns the person who is there.
    """
    if known := Person.objects.filter(username=username, may_sign_in=False).first():
        return known
    with recording():
        person = _create(username, _checked_name(display_name, seeded=True), may_sign_in=False)
        _record("person.seeded", person, domain, actor or Actor.system("console"))
    return person


def set_password(*, person: Person, password: str, current: str = "") -> None:
    """Set a password that Django's validators accept; the current one is asked for, if any.

    Every other session of the person ends: the caller keeps its own with
    `update_session_auth_hash`.
    """
    signin_links.check_may_sign_in(person)
    if person.has_usable_password() and not person.check_password(current):
        raise Invalid("wrong_password", _("The current password is not right."))
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise Invalid("weak_password", " ".join(error.messages)) from None
    before = person.password
    person.set_password(password)
    with recording():
        moved = Person.objects.filter(pk=person.pk, password=before, is_active=True)
        if moved.update(password=person.password) != 1:
            raise Refusal("password_changed", _("The password was changed meanwhile; try again."))
        _record("person.password_set", person, people.find_domain(person), Actor.person(person.pk))


def set_address(*, person: Person, email: str) -> None:
    """Set where the person's notices are mailed; an empty address means no mail.

    The address signs nobody in and is not proved, so it decides nothing.
    """
    signin_links.check_may_sign_in(person)
    try:
        if email:
            validate_email(email)
    except ValidationError:
        raise Invalid("invalid_address", _("This is no e-mail address.")) from None
    with recording():
        if Person.objects.filter(pk=person.pk, is_active=True).update(email=email) != 1:
            raise Forbidden("inactive_person", _("This account is inactive."))
        domain = people.find_domain(person)
        _record("person.address_set", person, domain, Actor.person(person.pk))
    person.email = email


def deactivate(*, domain: Domain, person: Person, by: Person, reason: str) -> None:
    """End a person's access at once: tokens, links, password and every session.

    Needs `manage_people` in the person's own domain; nobody deactivates themselves, so that
    somebody always remains who can.
    """
    people.require(by, domain, "manage_people")
    if by.pk == person.pk:
        raise Forbidden("self_deactivation", _("Ask somebody else to deactivate you."))
    if not reason.strip():
        raise Invalid("reason_required", _("Say why, in a sentence."))
    # A new unusable password changes the session hash: no old session survives reactivation.
    person.set_unusable_password()
    with recording():
        active = people.people_of(domain).filter(pk=person.pk)
        if active.update(is_active=False, password=person.password) != 1:
            detail = _("This account is inactive already, or not one of this domain.")
            raise Refusal("inactive_person", detail)
        Token.objects.filter(person=person, revoked_at=None).update(revoked_at=Now())
        SigninLink.objects.filter(person=person, used_at=None).update(used_at=Now())
        _record("person.deactivated", person, domain, Actor.person(by.pk), reason=reason.strip())
    person.is_active = False
    people.forget(person)


def _home() -> Domain:
    oldest = Domain.objects.order_by("created_at").first()
    return oldest or domains.found(slug="main", name="Main", actor=Actor.system("enrolment"))


def _enrol(
    domain: Domain, name: str, permissions: tuple[str, ...], link: SigninLink | None = None
) -> Person:
    person = _create(_free_username(name), name, may_sign_in=True)
    domains.admit(domain=domain, person=person, permissions=permissions)
    invited = {"invited_by": str(link.inviter_id)} if link else {}
    _record("person.enrolled", person, domain, Actor.person(person.pk), **invited)
    return person


def _create(username: str, name: str, *, may_sign_in: bool) -> Person:
    person = Person(username=username, display_name=name, may_sign_in=may_sign_in)
    person.set_unusable_password()
    try:
        with recording():
            person.save(force_insert=True)
    except IntegrityError:
        raise Refusal("name_taken", _("Somebody has this name; choose another.")) from None
    return person


def _free_username(name: str) -> str:
    base = slugify(name)[:140] or "person"
    if not Person.objects.filter(username=base).exists():
        return base
    return f"{base}-{secrets.token_hex(3)}"


def _checked_name(display_name: str, *, seeded: bool = False) -> str:
    name = " ".join(display_name.split(" ")).strip()
    # What would have to be spelled out to be safe to read could pass for somebody else's name.
    plain = name.isprintable() and (seeded or visible(name) == name)
    if not 1 <= len(name) <= NAME_LENGTH or not plain:
        raise Invalid("invalid_name", _("Give a name of 1 to 120 visible characters."))
    if not seeded and Person.objects.filter(display_name__iexact=name).exists():
        raise Refusal("name_taken", _("Somebody has this name; choose another."))
    return name


def _record(type: str, person: Person, domain: Domain | None, actor: Actor, **more: str) -> None:
    home = StreamKey("domain", str(domain.pk)) if domain else StreamKey("house", "people")
    record(
        stream=home,
        type=type,
        actor=actor,
        domain_id=domain.pk if domain else "",
        object=ObjectRef("person", str(person.pk)),
        payload={"name": person.display_name, **more},
    )
