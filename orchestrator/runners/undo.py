"""The tool `effect.undo`: people, or policy, agree that what a run did is taken back.

It changes nothing outside. An undo that has to be agreed to asks by the one road every action
takes; the worker that holds its warrant then lets the tool of the effect undo it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.canonical import canonical_bytes
from governance.adapters import ExhibitDraft, Facts, Words
from governance.models import Effect
from governance.refusals import Refusal
from governance.selectors.tools import usable_tool
from orchestrator.runners.agreement import Agreement

SLUG = "effect.undo"
NAME = "Undo an effect"
DESCRIPTION = "Lets what a run did be taken back, where policy or the file asks for agreement."
MOST_CHARACTERS = 20_000
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["effect", "step", "tool", "done", "undo"],
    "properties": {
        "effect": {"type": "string", "maxLength": 40},
        "step": {"type": "string", "maxLength": 200},
        "tool": {"type": "string", "maxLength": 64},
        "done": {"type": "string", "maxLength": 400},
        "undo": {
            "type": "string",
            "maxLength": MOST_CHARACTERS,
            "description": "The registered undo and the digest of what the tool answered.",
        },
    },
}
WORDS: Words = {
    "done": gettext_lazy("What was done"),
    "undo": gettext_lazy("Registered undo"),
    "risk": gettext_lazy("Risk of the tool"),
}


def arguments_of(effect: Effect) -> dict[str, str]:
    """Return the arguments that ask for the undo of exactly this effect as it was answered."""
    undo = {"compensation": effect.compensation, "response_digest": effect.response_digest}
    return {
        "effect": str(effect.pk),
        "step": effect.action.step_path,
        "tool": effect.action.tool_id,
        "done": effect.action.sentence,
        "undo": canonical_bytes(undo).decode(),
    }


class UndoAdapter(Agreement):
    """Asks whether an effect may be undone."""

    slug = SLUG
    cedar_action = SLUG
    words = WORDS

    def collect(self, arguments: Mapping[str, Any]) -> Facts:
        """Return how risky the tool is whose effect is undone, beside the step that did it."""
        try:
            risk = str(usable_tool(arguments["tool"]).risk)
        except Refusal:
            # A tool that was taken out of use meanwhile is undone with the same care.
            risk = "critical"
        return Facts(
            pins={},
            facts={"risk": risk},
            resource_type="Step",
            resource_id=arguments["step"],
        )

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say what would be taken back."""
        return _("Undo what step “%(step)s” did: %(done)s") % {
            "step": arguments["step"],
            "done": arguments["done"],
        }

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show what was done, and the undo that was registered before it was done."""
        undo = json.loads(arguments["undo"])["compensation"]
        content = {"done": arguments["done"], "tool": arguments["tool"], "undo": undo}
        return [ExhibitDraft(_("Undo"), "undo", content, trust="tool")]
