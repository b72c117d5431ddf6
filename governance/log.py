"""What governance tells the log about itself: event types by noun, viewers and links."""

import uuid
from collections.abc import Iterable
from typing import Any

from audit import registry
from audit.registry import Sentence
from governance.selectors import agents, people

Types = Iterable[tuple[str, str | Sentence]]

DOMAINS: Types = (("domain.created", "Domain {name} was created"),)

PEOPLE: Types = (
    ("person.enrolled", "{name} enrolled"),
    ("person.seeded", "{name} was added as somebody who cannot sign in"),
    ("person.invited", "An invitation was made, good for {minutes} minutes"),
    ("person.link_issued", "A sign-in link was made, good for {minutes} minutes"),
    ("person.signed_in", "{name} signed in with a {method}"),
    ("person.password_set", "{name} set a password"),
    ("person.deactivated", "{name} was deactivated: {reason}"),
)

TOKENS: Types = (
    ("token.issued", "Token {name} was issued to {holder}"),
    ("token.revoked", "Token {name} of {holder} was revoked"),
)

AGENTS: Types = (
    ("agent.registered", "{name} was registered, version {version}"),
    ("agent.suspended", "{name} was suspended: {reason}"),
    ("agent.resumed", "{name} works again: {reason}"),
)

NOTICES: Types = (
    ("webhook.registered", "Notices now also go to {url}"),
    ("webhook.removed", "Notices no longer go to {url}"),
    ("notice.queued", "{count} notices were queued: {title}"),
    ("notice.delivered", "A notice was delivered by {channel}"),
    ("notice.postponed", "A notice could not be delivered by {channel} yet: {error}"),
    ("notice.failed", "A notice could not be delivered by {channel}: {error}"),
)


def register() -> None:
    """Fill the log's registries with everything governance records and shows."""
    for types in (DOMAINS, PEOPLE, TOKENS, AGENTS, NOTICES):
        registry.register_event_types(types)
    registry.register_stream("domain", _may_view_domain)
    registry.register_stream("agent", _may_view_agent)
    registry.register_link("agent", "/agents/{}/".format)


def _may_view_domain(person: Any, object_id: str) -> bool:
    return people.holds_now(person, _uuid(object_id), "read_audit")


def _may_view_agent(person: Any, object_id: str) -> bool:
    return people.holds_now(person, agents.domain_id_of(_uuid(object_id)))


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
