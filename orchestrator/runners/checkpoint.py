"""The tool `checkpoint.pass`: letting a run go on although its checkpoint did not hold.

It changes nothing outside. It exists so that a postponed checkpoint takes the one road every
action takes: policy, gate, warrant, effect.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from governance.adapters import ExhibitDraft, Facts
from orchestrator.runners.base import Proposal

SLUG = "checkpoint.pass"
NAME = "Let a checkpoint pass"
DESCRIPTION = "Lets a run go on with an output that its checkpoint held back."
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["step", "message"],
    "properties": {
        "step": {"type": "string", "maxLength": 200},
        "message": {"type": "string", "maxLength": 4000},
    },
}


def proposal(step: str, message: str) -> Proposal:
    """Return the proposal to let the output of `step` pass in spite of `message`."""
    return Proposal(SLUG, {"step": step, "message": message}, rationale=message)


class CheckpointAdapter:
    """Performs nothing: that people agreed is the whole effect."""

    slug = SLUG
    cedar_action = "checkpoint.pass"
    effect_class = "natural"

    def collect(self, arguments: Mapping[str, Any]) -> Facts:
        """Return the step as the resource; nothing outside can drift."""
        return Facts(pins={}, facts={}, resource_type="Step", resource_id=arguments["step"])

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say which step's output would be let through."""
        return _("Let the run go on after step “%(step)s”") % {"step": arguments["step"]}

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show what the checkpoint found."""
        content = {"step": arguments["step"], "message": arguments["message"]}
        return [ExhibitDraft(_("Checkpoint"), "checkpoint", content, trust="tool")]

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
        """Change nothing; repeating it changes nothing either."""
        return {}

    def probe(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], *, effect_key: str
    ) -> Mapping[str, Any] | None:
        """Return that it happened, because it always has."""
        return {}

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
