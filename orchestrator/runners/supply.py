"""The tool `step.supply`: a person's output stands in for what a step did not deliver.

It changes nothing outside. It exists so that the output takes the one road every action takes,
and a second person sees exactly what the steps after it will be given.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from audit.canonical import canonical_bytes
from governance.adapters import ExhibitDraft, Facts

SLUG = "step.supply"
NAME = "Supply a step's output"
DESCRIPTION = "Lets an output that a person gives stand in for that of a step that failed."
MOST_CHARACTERS = 200_000
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["step", "output", "reason"],
    "properties": {
        "step": {"type": "string", "maxLength": 200},
        "output": {
            "type": "string",
            "maxLength": MOST_CHARACTERS,
            "description": "A JSON object, written by RFC 8785.",
        },
        "reason": {"type": "string", "maxLength": 2000},
    },
}


def arguments_of(step: str, output: Mapping[str, Any], reason: str) -> dict[str, str]:
    """Return the arguments that supply `output` for `step`."""
    text = canonical_bytes(dict(output)).decode()
    return {"step": step, "output": text, "reason": reason}


class SupplyAdapter:
    """Performs nothing: the output that people agreed to is the whole effect."""

    slug = SLUG
    cedar_action = SLUG
    effect_class = "natural"

    def collect(self, arguments: Mapping[str, Any]) -> Facts:
        """Return the step as the resource; nothing outside can drift."""
        return Facts(pins={}, facts={}, resource_type="Step", resource_id=arguments["step"])

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say for which step the output would stand."""
        return _("Take a person's output as that of step “%(step)s”") % {"step": arguments["step"]}

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show the output as the steps after it would see it, and why it is given."""
        content = {"output": json.loads(arguments["output"]), "reason": arguments["reason"]}
        return [ExhibitDraft(_("Supplied output"), "supply", content, trust="tool")]

    def delta(
        self,
        arguments: Mapping[str, Any],
        before: Mapping[str, str],
        after: Mapping[str, str],
    ) -> Sequence[ExhibitDraft]:
        """Return nothing: nothing is pinned."""
        return []

    def compensation(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Return nothing: nothing outside changes."""
        return {}

    def perform(
        self,
        arguments: Mapping[str, Any],
        pins: Mapping[str, str],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Return the output; repeating it returns the same."""
        output: dict[str, Any] = json.loads(arguments["output"])
        return output

    def probe(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], *, effect_key: str
    ) -> Mapping[str, Any] | None:
        """Return the output, because it is always there."""
        return self.perform(arguments, pins, effect_key=effect_key, fence=0)

    def compensate(
        self,
        arguments: Mapping[str, Any],
        response: Mapping[str, Any],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Undo nothing."""
        return {}
