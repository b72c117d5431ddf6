"""Tools are registered with the schema of their arguments, pinned by its digest."""

from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema_rs
from django.utils.translation import gettext as _

from audit.canonical import digest
from audit.services.events import record, recording
from audit.types import Actor, ObjectRef, StreamKey
from governance.models import Domain, Reversibility, Risk, Tool, ToolServer
from governance.refusals import Invalid


def register(
    *,
    slug: str,
    name: str,
    description: str,
    schema: Mapping[str, Any],
    risk: str,
    reversibility: str,
    allowed_hosts: Sequence[str] = (),
    server: ToolServer | None = None,
    remote: Mapping[str, Any] | None = None,
    actor: Actor,
    domain: Domain,
) -> Tool:
    """Make a tool usable; the same again changes nothing.

    A changed schema has another digest, so that nothing proposed or approved under the old one
    can run. Raises Invalid for a schema that would let unknown arguments through.
    """
    _check(schema, risk, reversibility)
    fields = {
        "name": name,
        "description": description,
        "schema": dict(schema),
        "schema_digest": digest(dict(schema)),
        "risk": risk,
        "reversibility": reversibility,
        "allowed_hosts": sorted(allowed_hosts),
        "server": server,
        "remote": dict(remote or {}),
    }
    known = Tool.objects.filter(slug=slug).first()
    if known and all(getattr(known, field) == value for field, value in fields.items()):
        return known
    with recording():
        tool, _created = Tool.objects.update_or_create(slug=slug, defaults=fields)
        record(
            stream=StreamKey("policy", str(domain.pk)),
            type="tool.registered",
            actor=actor,
            domain_id=domain.pk,
            object=ObjectRef("tool", slug),
            payload={"slug": slug, "name": name, "schema_digest": tool.schema_digest},
        )
    return tool


def register_server(
    *, slug: str, config: Mapping[str, Any], actor: Actor, domain: Domain
) -> ToolServer:
    """Make a server of tools known, or reach a known one as its file says now."""
    known = ToolServer.objects.filter(slug=slug).first()
    if known and known.config == dict(config):
        return known
    with recording():
        server, _created = ToolServer.objects.update_or_create(
            slug=slug, defaults={"config": dict(config)}
        )
        record(
            stream=StreamKey("policy", str(domain.pk)),
            type="tool_server.registered",
            actor=actor,
            domain_id=domain.pk,
            object=ObjectRef("tool_server", slug),
            payload={"slug": slug, "config_digest": digest(dict(config))},
        )
    return server


def _check(schema: Mapping[str, Any], risk: str, reversibility: str) -> None:
    if risk not in Risk.values or reversibility not in Reversibility.values:
        raise Invalid("invalid_tool", _("Say how risky the tool is and what can be undone."))
    try:
        # As arguments will be checked: a pattern that is no regular expression is refused here.
        jsonschema_rs.validator_for(dict(schema), validate_formats=True, offline=True)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        detail = _("The tool's schema is not a valid JSON Schema: %(why)s")
        raise Invalid("invalid_tool", detail % {"why": str(error)[:300]}) from None
    if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
        detail = _("The tool's schema must be an object with additionalProperties false.")
        raise Invalid("invalid_tool", detail)
