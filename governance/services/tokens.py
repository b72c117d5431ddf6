"""Bearer tokens for the API: `cs_<kind>_<id>_<secret>`, shown once, kept as a SHA-256."""

import uuid
from datetime import timedelta

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.credentials import fingerprint, token_text
from governance.models import Agent, Lifecycle, Person, Token
from governance.refusals import Invalid, Refusal
from governance.selectors import people
from governance.services.signin_links import check_may_sign_in

LONGEST = timedelta(days=90)
NAME_LENGTH = 120


def issue(
    *,
    person: Person | None = None,
    agent: Agent | None = None,
    name: str,
    ttl: timedelta,
    actor: Actor,
) -> tuple[Token, str]:
    """Make a token for one person or one agent; its text is returned here and nowhere else.

    It lives at most 90 days by the database's clock. Who could not use it does not get it.
    """
    _check(person, agent, name, ttl)
    token_id = uuid.uuid4()
    text = token_text("person" if person else "agent", token_id)
    with recording():
        Token.objects.create(
            id=token_id,
            name=name.strip(),
            secret_hash=fingerprint(text),
            person=person,
            agent=agent,
            expires_at=Now() + ttl,
        )
        token = Token.objects.select_related("person", "agent").get(pk=token_id)
        _record("token.issued", token, actor)
    return token, text


def revoke(*, token: Token, actor: Actor) -> None:
    """End a token at once; a second time is refused with `token_revoked`."""
    with recording():
        if Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now()) != 1:
            raise Refusal("token_revoked", _("This token was revoked before."))
        _record("token.revoked", token, actor)


def _check(person: Person | None, agent: Agent | None, name: str, ttl: timedelta) -> None:
    if (person is None) == (agent is None):
        raise Invalid("one_holder", _("A token belongs to one person or one agent."))
    if not 1 <= len(name.strip()) <= NAME_LENGTH or not name.isprintable():
        raise Invalid("invalid_name", _("Give the token a name of 1 to 120 visible characters."))
    if not timedelta() < ttl <= LONGEST:
        raise Invalid("invalid_ttl", _("A token lives at most 90 days."))
    if person is not None:
        check_may_sign_in(person)
    if agent is not None and agent.lifecycle != Lifecycle.ACTIVE:
        raise Refusal("agent_not_active", _("Only an active agent gets a token."))


def _record(type: str, token: Token, actor: Actor) -> None:
    domain_id = token.agent.domain_id if token.agent else _home_of(token)
    record(
        stream=StreamKey("domain", str(domain_id)),
        type=type,
        actor=actor,
        domain_id=domain_id,
        object=ObjectRef("token", str(token.pk)),
        payload={"name": token.name, "holder": str(token.agent or token.person)},
    )


def _home_of(token: Token) -> uuid.UUID:
    return people.domain_for(token.person).pk
