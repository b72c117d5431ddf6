"""People, agents and links, made the way the product makes them."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db.models import F
from django.db.models.functions import Now

from audit.types import Actor
from governance.credentials import fingerprint
from governance.models import (
    Action,
    Agent,
    Domain,
    Gate,
    Outcome,
    Person,
    Risk,
    SigninLink,
    Tool,
    Verdict,
)
from governance.services import agents, domains, people, signin_links

SYSTEM = Actor.system("test")


def domain(slug: str = "acme") -> Domain:
    """Found a domain."""
    return domains.found(slug=slug, name=slug.title(), actor=SYSTEM)


def first_person(name: str = "Grace") -> Person:
    """Enrol the first person of the oldest domain, with every permission."""
    return people.enrol_first(link_secret=signin_links.issue(), display_name=name)


def member(of: Domain, inviter: Person, name: str = "Heidi") -> Person:
    """Enrol somebody by invitation."""
    return people.accept(link_secret=people.invite(domain=of, inviter=inviter), display_name=name)


def seeded(name: str) -> Person:
    """Add somebody who cannot sign in."""
    return people.seed(username=name.lower(), display_name=name)


def agent(of: Domain, **changes: Any) -> Agent:
    """Register `scout`, owned by Ada and sponsored by Sam."""
    fields: dict[str, Any] = {
        "slug": "scout",
        "name": "Scout",
        "purpose": "Looks around.",
        "environment": "development",
        "scopes": ["merge:repo/*"],
        "classes": ["integrator"],
        "actor": SYSTEM,
    } | changes
    fields.setdefault("owner", seeded("Ada"))
    fields.setdefault("sponsor", seeded("Sam"))
    return agents.register(domain=of, **fields)


def let_link_expire(secret: str) -> None:
    """Move a link a day and a second into the past."""
    links = SigninLink.objects.filter(secret_hash=fingerprint(secret))
    links.update(expires_at=F("expires_at") - timedelta(days=1, seconds=1))


def let_pass(rows: Any, field: str, seconds: float) -> None:
    """Pretend that `field` of the rows, or of a whole model, was set that many seconds ago."""
    found = getattr(rows, "objects", rows)
    found.update(**{field: Now() - timedelta(seconds=seconds)})


def gate(of: Domain, **changes: Any) -> Gate:
    """Put a gate there as it stands when reviewers are told; nothing opened it."""
    scout = agent(of)
    tool, _ = Tool.objects.get_or_create(
        slug="git.merge",
        defaults={
            "name": "Merge",
            "schema": {},
            "risk": Risk.HIGH,
            "reversibility": "compensable",
        },
    )
    action = Action.objects.create(
        domain=of, agent=scout, tool=tool, effect_key="e", envelope={}, digest="d", run_id=uuid4()
    )
    verdict = Verdict.objects.create(action=action, outcome=Outcome.REQUIRE_APPROVAL)
    fields: dict[str, Any] = {
        "sentence": "Merge feature into main",
        "risk": Risk.HIGH,
        "valid_for_seconds": 900,
        "expires_at": Now() + timedelta(hours=1),
    } | changes
    return Gate.objects.create(domain=of, action=action, verdict=verdict, **fields)
