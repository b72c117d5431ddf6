"""Servers of tools are registered from a file on the machine, with the tools it names."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from audit.services.events import recording
from audit.types import Actor
from governance.manifest import absolute
from governance.models import Domain, EffectClass, Reversibility, Tool
from governance.refusals import Invalid
from governance.services import tools
from orchestrator.runners.mcp.config import faults_of
from orchestrator.runners.mcp.session import ServerError, talk, tools_of
from orchestrator.runners.mcp.tool import digest_of, slug_of

if TYPE_CHECKING:
    from mcp_types import Tool as Offered


def register(*, domain: Domain, document: Any, base_dir: Path, actor: Actor) -> list[Tool]:
    """Ask every server of a parsed file for its tools and register those that the file names.

    Does I/O. Raises Invalid with every wrong place, or naming a server that cannot be reached or
    a tool that it does not offer; then nothing is registered. Doing it again changes nothing
    unless a server says something else of a tool now, which voids what was approved before.
    """
    wrong = [{"pointer": place, "detail": why} for place, why in faults_of(document)]
    if wrong:
        first = f"{wrong[0]['pointer']} {wrong[0]['detail']}".strip()
        detail = _("The file is not acceptable: %(first)s") % {"first": first}
        raise Invalid("invalid_servers", detail, errors=wrong)
    base = base_dir.resolve()
    servers = {name: _placed(server, base) for name, server in document["servers"].items()}
    offered = {name: _offered(name, server) for name, server in servers.items()}
    with recording():
        return [
            tool
            for name, server in servers.items()
            for tool in _register(domain, name, server, offered[name], actor)
        ]


def _placed(server: Mapping[str, Any], base: Path) -> dict[str, Any]:
    if "command" not in server:
        return dict(server)
    program, *rest = server["command"]
    return {**server, "command": [program, *(absolute(part, base) for part in rest)]}


def _offered(name: str, server: Mapping[str, Any]) -> "dict[str, Offered]":
    try:
        found = talk(server, tools_of)
    except ServerError as error:
        detail = _("Server %(name)s cannot be asked for its tools: %(error)s.")
        raise Invalid("server_unreachable", detail % {"name": name, "error": error}) from None
    missing = sorted(set(server["tools"]) - set(found))
    if missing:
        detail = _("Server %(name)s offers no %(tools)s; it offers %(found)s.")
        words = {"name": name, "tools": ", ".join(missing), "found": ", ".join(sorted(found))}
        raise Invalid("unknown_tool", detail % words)
    return found


def _register(
    domain: Domain,
    name: str,
    server: Mapping[str, Any],
    offered: "Mapping[str, Offered]",
    actor: Actor,
) -> list[Tool]:
    row = tools.register_server(slug=name, config=server, actor=actor, domain=domain)
    return [
        tools.register(
            slug=slug_of(name, remote),
            name=(offered[remote].title or remote)[:120],
            description=(offered[remote].description or "")[:4000],
            # Closed, so that nothing reaches the server that its schema does not name.
            schema={**offered[remote].input_schema, "additionalProperties": False},
            risk=said["risk"],
            reversibility=said.get("reversibility", Reversibility.IRREVERSIBLE),
            server=row,
            remote={
                "name": remote,
                "digest": digest_of(offered[remote]),
                "effect_class": said.get("effect_class", EffectClass.NONE),
            },
            actor=actor,
            domain=domain,
        )
        for remote, said in server["tools"].items()
    ]
