"""The tool `checkpoint.pass`: letting a run go on although its checkpoint did not hold.

It changes nothing outside. It exists so that a postponed checkpoint takes the one road every
action takes: policy, gate, warrant, effect.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.adapters import ExhibitDraft, Words
from orchestrator.runners.agreement import Agreement
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
WORDS: Words = {
    "message": gettext_lazy("What the checkpoint says"),
}


def proposal(step: str, message: str) -> Proposal:
    """Return the proposal to let the output of `step` pass in spite of `message`."""
    return Proposal(SLUG, {"step": step, "message": message}, rationale=message)


class CheckpointAdapter(Agreement):
    """Asks whether an output may pass although its checkpoint does not hold."""

    slug = SLUG
    cedar_action = SLUG
    words = WORDS

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say which step's output would be let through."""
        return _("Let the run go on after step “%(step)s”") % {"step": arguments["step"]}

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show what the checkpoint found."""
        content = {"step": arguments["step"], "message": arguments["message"]}
        return [ExhibitDraft(_("Checkpoint"), "checkpoint", content, trust="tool")]
