"""The tool `service.isolate`: let a service turn everybody away, and later let them in again."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.adapters import ExhibitDraft, Facts, Words
from governance.models import Reversibility, Risk
from orchestrator.runners.console.tool import (
    PATH,
    ConsoleTool,
    draft,
    service_facts,
)
from orchestrator.runners.faults import as_effects, as_facts
from orchestrator.runners.git.turn import turn

SLUG = "service.isolate"
NAME = "Isolate a service"
DESCRIPTION = "Lets a local service turn everybody away until it is released again."
RISK, REVERSIBILITY = Risk.HIGH, Reversibility.COMPENSABLE
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["service"],
    "properties": {"service": PATH},
}
WORDS: Words = {
    "isolated": gettext_lazy("Isolated already"),
}


class Isolate(ConsoleTool):
    """Adapter of `service.isolate`. Pinned: whether it is isolated already."""

    slug = SLUG
    cedar_action = "isolate"
    words = WORDS
    effect_class = "probe"
    refuses_late_calls = True

    def collect(self, arguments: Mapping[str, Any]) -> Facts:
        """Ask the service how it is."""
        with as_facts():
            service = self.service(arguments)
            isolated = service.is_isolated()
        return service_facts(service, "isolated", isolated)

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say which service would turn everybody away."""
        with as_facts():
            name = self.service(arguments).name
        return _("Isolate %(service)s: it turns everybody away") % {"service": name}

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show what changes."""
        return [draft(_("Isolation"), {"isolated_now": pins["isolated"], "isolated_then": "true"})]

    def compensation(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Describe the undo: everybody is let in again."""
        return {"action": "release", "safe_if_absent": True, "sentence": _("Let everybody in")}

    def perform(
        self,
        arguments: Mapping[str, Any],
        pins: Mapping[str, str],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Command it, once by the key."""
        with as_effects():
            service = self.service(arguments)
            with turn(service.path, effect_key, fence):
                return service.command(effect_key, {"command": "isolate", "on": True})

    def probe(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], *, effect_key: str
    ) -> Mapping[str, Any] | None:
        """Ask the service whether it has carried the command out."""
        with as_effects():
            return self.service(arguments).outcome(effect_key)

    def compensate(
        self,
        arguments: Mapping[str, Any],
        response: Mapping[str, Any],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Let everybody in again."""
        key = f"{effect_key}undo"
        with as_effects():
            service = self.service(arguments)
            with turn(service.path, key, fence):
                return service.command(key, {"command": "isolate", "on": False})
