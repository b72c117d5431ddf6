"""The adapter of a tool that an MCP server offers: what is proposed, decided and done once.

What the server says of a tool is pinned by its digest, the description included, because a
model acts on that. A tool that is described otherwise than when it was registered is refused.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from audit.canonical import canonical_bytes, digest
from governance.adapters import (
    EffectRefusedError,
    EffectUnknownError,
    ExhibitDraft,
    Facts,
    FactUnavailableError,
)
from governance.models import Tool
from orchestrator.runners.mcp.result import read_result
from orchestrator.runners.mcp.session import ServerError, talk, tools_of

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import Tool as Offered

FAMILY = "mcp"
CEDAR_ACTION = "mcp.call"
KEY, FENCE = "countersign.dev/idempotency-key", "countersign.dev/fence"
# JSON-RPC: the request itself was wrong, so the server did nothing with it.
_NOT_BEGUN = frozenset({-32600, -32601, -32602})


def slug_of(server: str, tool: str) -> str:
    """Return what a tool of a server is registered as."""
    return f"{FAMILY}.{server}.{tool}"


def digest_of(offered: "Offered") -> str:
    """Return the digest of everything that a server says of a tool and that anybody acts on."""
    said = {
        "name": offered.name,
        "title": offered.title,
        "description": offered.description,
        "input": offered.input_schema,
        "output": offered.output_schema,
    }
    return digest(said)


def adapter_of(slug: str) -> "RemoteTool":
    """Return the adapter of a registered tool; raises FactUnavailableError when there is none."""
    tool = Tool.objects.select_related("server").filter(slug=slug).first()
    if tool is None or tool.server is None:
        raise FactUnavailableError(f"no server is registered for tool {slug!r}")
    return RemoteTool(tool, tool.server.config)


class RemoteTool:
    """One tool of one server. Its effect class is what the file says, `none` by default."""

    cedar_action = CEDAR_ACTION

    def __init__(self, tool: Tool, config: Mapping[str, Any]) -> None:
        self.slug = tool.slug
        self.effect_class: str = tool.remote["effect_class"]
        self._tool = tool
        self._config = config

    def collect(self, arguments: Mapping[str, Any]) -> Facts:
        """Ask the server whether it still offers the tool as it was registered."""
        try:
            offered = talk(self._config, tools_of)
        except ServerError as error:
            raise FactUnavailableError(f"tool server {self._server}: {error}") from None
        self._require_as_registered(offered)
        return Facts(
            pins={"tool": self._tool.remote["digest"], "server": digest(self._config)},
            facts={},
            resource_type="RemoteTool",
            resource_id=self.slug,
            resource_attributes={
                "server": self._server,
                "name": self._name,
                "risk": self._tool.risk,
                "reversibility": self._tool.reversibility,
            },
            arguments={"json": canonical_bytes(dict(arguments)).decode()},
        )

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say which tool of which server is called with what."""
        said = canonical_bytes(dict(arguments)).decode()
        words = {"tool": self._name, "server": self._server, "arguments": said}
        return _("Call “%(tool)s” of %(server)s with %(arguments)s") % words

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show the whole call; what it will change only the server knows."""
        content = {"server": self._server, "tool": self._name, "arguments": dict(arguments)}
        return [ExhibitDraft(_("The call"), "call", content, "tool", pins["tool"])]

    def delta(
        self,
        arguments: Mapping[str, Any],
        before: Mapping[str, str],
        after: Mapping[str, str],
    ) -> Sequence[ExhibitDraft]:
        """Show that the tool or the way to its server is another one."""
        content = {"before": dict(before), "after": dict(after)}
        return [ExhibitDraft(_("What changed"), "call", content, "tool", after["tool"])]

    def compensation(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Return nothing: no undo of somebody else's tool is known."""
        return {}

    def perform(
        self,
        arguments: Mapping[str, Any],
        pins: Mapping[str, str],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Call the tool once. Until the call is sent nothing happened; after that, who knows."""
        sent = False

        async def call(client: "Client") -> Mapping[str, Any]:
            nonlocal sent
            try:
                self._require_as_registered(await tools_of(client))
            except FactUnavailableError as changed:
                raise EffectRefusedError(str(changed)) from None
            sent = True
            return await self._called(client, arguments, {KEY: effect_key, FENCE: str(fence)})

        try:
            return talk(self._config, call)
        except ServerError as error:
            why = f"tool server {self._server}: {error}"
            raise (EffectUnknownError if sent else EffectRefusedError)(why) from None

    def probe(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], *, effect_key: str
    ) -> Mapping[str, Any] | None:
        """Raise: a server cannot be asked what became of a call, and no file may say otherwise."""
        raise EffectUnknownError(f"tool server {self._server} cannot be asked")

    def compensate(
        self,
        arguments: Mapping[str, Any],
        response: Mapping[str, Any],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Refuse: nothing was registered that would undo it."""
        raise EffectRefusedError(f"no undo of {self.slug} is known")

    @property
    def _server(self) -> str:
        return str(self._tool.server_id)

    @property
    def _name(self) -> str:
        return str(self._tool.remote["name"])

    def _require_as_registered(self, offered: "Mapping[str, Offered]") -> None:
        found = offered.get(self._name)
        if found is None or digest_of(found) != self._tool.remote["digest"]:
            detail = _("Server %(server)s describes %(tool)s otherwise now; register it again.")
            words = {"server": self._server, "tool": self._name}
            raise FactUnavailableError(detail % words)

    async def _called(
        self, client: "Client", arguments: Mapping[str, Any], meta: Any
    ) -> Mapping[str, Any]:
        from mcp import MCPError  # noqa: PLC0415 - as the session does

        try:
            result = await client.session.call_tool(
                self._name,
                dict(arguments),
                meta=meta,
                allow_input_required=True,
            )
        except MCPError as error:
            if error.code in _NOT_BEGUN:
                raise EffectRefusedError(f"the server refused the call: {error}") from None
            raise
        except RuntimeError as error:
            # It was called; only what it answered is not what it says it answers.
            return {"trust": "external", "is_error": True, "error": str(error)[:500]}
        return read_result(result)
