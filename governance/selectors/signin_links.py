"""What a sign-in link would do, without using it up: reading never writes."""

from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _

from governance.credentials import fingerprint
from governance.models import Person, SigninLink
from governance.refusals import Gone, Refusal

Purpose = Literal["first", "invitation", "person"]


@dataclass(frozen=True, slots=True)
class LinkView:
    """An open link: who it is for, and who invited, when it is an invitation."""

    purpose: Purpose
    person: Person | None
    inviter: Person | None
    domain_name: str


def open_link(secret: str) -> LinkView:
    """Return what the link would do; raises the same refusals as using it."""
    is_past = ExpressionWrapper(Q(expires_at__lte=Now()), output_field=BooleanField())
    links = SigninLink.objects.select_related("person", "domain", "inviter")
    link = links.annotate(is_past=is_past).filter(secret_hash=fingerprint(secret)).first()
    if link is None:
        raise Refusal("link_unknown", _("This sign-in link is not known here."), status=404)
    if link.used_at is not None:
        raise Gone("link_used", _("This sign-in link was used before; ask for a new one."))
    if link.is_past:
        raise Gone("link_expired", _("This sign-in link has expired; ask for a new one."))
    name = link.domain.name if link.domain else ""
    return LinkView(_purpose_of(link), link.person, link.inviter, name)


def address_of(secret: str) -> str:
    """Return the address to hand to a person. Opening it changes nothing; its button does."""
    path = reverse("enrol", args=[secret])
    return f"{settings.BASE_URL.rstrip('/')}{path}"


def _purpose_of(link: SigninLink) -> Purpose:
    if link.person is not None:
        return "person"
    return "invitation" if link.domain is not None else "first"
