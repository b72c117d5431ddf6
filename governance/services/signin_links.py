"""One-time links: 256 bits, stored as a hash, opened once, by the database's clock."""

from datetime import timedelta

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.credentials import fingerprint, new_secret
from governance.models import Domain, Person, SigninLink
from governance.refusals import Forbidden, Gone, Invalid, Refusal

SHORTEST = timedelta(minutes=15)
LONGEST = timedelta(hours=24)


def issue(
    *,
    person: Person | None = None,
    domain: Domain | None = None,
    inviter: Person | None = None,
    ttl: timedelta = SHORTEST,
    actor: Actor | None = None,
) -> str:
    """Make a link and return its secret, which exists nowhere else.

    For `person` it signs them in; for a `domain` and an `inviter` it invites somebody new; for
    nobody it enrols the very first person. Lives between 15 minutes and 24 hours.
    """
    if not SHORTEST <= ttl <= LONGEST:
        raise Invalid("invalid_ttl", _("A link lives between 15 minutes and 24 hours."))
    if person is not None:
        check_may_sign_in(person)
    secret = new_secret()
    with recording():
        SigninLink.objects.create(
            secret_hash=fingerprint(secret),
            person=person,
            domain=domain,
            inviter=inviter,
            expires_at=Now() + ttl,
        )
        home = domain or Domain.objects.order_by("created_at").first()
        record(
            stream=StreamKey("domain", str(home.pk)) if home else StreamKey("house", "signin"),
            type="person.invited" if inviter else "person.link_issued",
            actor=actor or (Actor.person(inviter.pk) if inviter else Actor.system("console")),
            domain_id=home.pk if home else "",
            object=ObjectRef("person", str(person.pk)) if person else None,
            payload={"minutes": int(ttl.total_seconds() // 60)},
        )
    return secret


def redeem(*, secret: str) -> SigninLink:
    """Use a link up and return it; of two who try at once, one succeeds.

    Joins the caller's recording(), whose event says what it was used for; when the caller's
    transaction fails, the link stays good. Raises Refusal for an unknown link and Gone for a
    used or expired one.
    """
    links = SigninLink.objects.select_related("person", "domain", "inviter")
    fresh = SigninLink.objects.filter(
        secret_hash=fingerprint(secret), used_at=None, expires_at__gt=Now()
    )
    won = fresh.update(used_at=Now()) == 1
    link = links.filter(secret_hash=fingerprint(secret)).first()
    if link is None:
        raise Refusal("link_unknown", _("This sign-in link is not known here."), status=404)
    if not won and link.used_at is not None:
        raise Gone("link_used", _("This sign-in link was used before; ask for a new one."))
    if not won:
        raise Gone("link_expired", _("This sign-in link has expired; ask for a new one."))
    if link.person is not None:
        check_may_sign_in(link.person)
    return link


def check_may_sign_in(person: Person) -> None:
    """Raise Forbidden for a person nobody can act as, or who is inactive."""
    if not person.may_sign_in:
        raise Forbidden("person_may_not_sign_in", _("Nobody can sign in as this person."))
    if not person.is_active:
        raise Forbidden("inactive_person", _("This account is inactive."))
