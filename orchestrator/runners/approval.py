"""The tool `plan.approve`: people agree to how a run goes on.

It changes nothing outside. A pattern asks for it where a plan or a handoff needs people, and it
takes the one road every action takes: policy, gate, warrant, effect.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from audit.canonical import canonical_bytes
from governance.adapters import ExhibitDraft
from orchestrator.runners.agreement import Agreement
from orchestrator.runners.base import Proposal

SLUG = "plan.approve"
NAME = "Approve a plan"
DESCRIPTION = "Lets a run go on with a plan, or with a handoff, that people were shown."
MOST_CHARACTERS = 200_000
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["step", "question", "plan"],
    "properties": {
        "step": {"type": "string", "maxLength": 200},
        "question": {"type": "string", "maxLength": 4000},
        "plan": {"type": "string", "maxLength": MOST_CHARACTERS},
    },
}


def proposal(step: str, task: Mapping[str, Any]) -> Proposal:
    """Return the question that the step asks; what people approve is the whole task, as text."""
    question = str(task.get("question") or _("May the run go on like this?"))
    plan = {key: part for key, part in task.items() if key != "question"}
    arguments = {"step": step, "question": question, "plan": canonical_bytes(plan).decode()}
    return Proposal(SLUG, arguments, rationale=question)


class ApprovalAdapter(Agreement):
    """Asks whether the run may go on."""

    slug = SLUG
    cedar_action = SLUG

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say at which step the run would go on."""
        return _("Let the run go on at step “%(step)s”") % {"step": arguments["step"]}

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show the question and everything that is approved with it."""
        content = {"question": arguments["question"], "plan": json.loads(arguments["plan"])}
        return [ExhibitDraft(_("Plan"), "plan", content, trust="agent")]
