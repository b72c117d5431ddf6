"""The tool `step.supply`: a person's output stands in for what a step did not deliver.

It changes nothing outside. It exists so that the output takes the one road every action takes,
and a second person sees exactly what the steps after it will be given.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from audit.canonical import canonical_bytes
from governance.adapters import ExhibitDraft
from orchestrator.runners.agreement import Agreement

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


class SupplyAdapter(Agreement):
    """Asks whether the output may stand; once people agreed, that output is the effect."""

    slug = SLUG
    cedar_action = SLUG

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say for which step the output would stand."""
        return _("Take a person's output as that of step “%(step)s”") % {"step": arguments["step"]}

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show the output as the steps after it would see it, and why it is given."""
        content = {"output": json.loads(arguments["output"]), "reason": arguments["reason"]}
        return [ExhibitDraft(_("Supplied output"), "supply", content, trust="tool")]

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
