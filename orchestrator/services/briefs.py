"""What the initiator of a run tells its agents beside the inputs: goal, constraints, criteria."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from governance.refusals import Invalid
from orchestrator.workflow.plain_json import refuse_unstorable

LONGEST_GOAL = 4000
LONGEST_LINE = 500
MOST_LINES = 50


@dataclass(frozen=True, slots=True)
class Brief:
    """In the initiator's words. Agents read it; nothing in it is checked or believed by code."""

    goal: str = ""
    constraints: Sequence[str] = ()
    success_criteria: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what is said, as runs keep it and agents read it; what is empty is left out."""
        said = {
            "goal": self.goal.strip(),
            "constraints": list(self.constraints),
            "success_criteria": list(self.success_criteria),
        }
        return {name: part for name, part in said.items() if part}

    def check(self) -> None:
        """Raise Invalid with every wrong field by JSON pointer."""
        wrong = dict(self._faults())
        if wrong:
            errors = [{"pointer": f"/{name}", "detail": why} for name, why in wrong.items()]
            detail = _("The run was not started: %(why)s") % {"why": " ".join(wrong.values())}
            raise Invalid("invalid_brief", detail, errors=errors)

    def _faults(self) -> Mapping[str, str]:
        faults = {}
        if len(self.goal) > LONGEST_GOAL:
            faults["goal"] = _("At most %(most)d characters.") % {"most": LONGEST_GOAL}
        lists = {"constraints": self.constraints, "success_criteria": self.success_criteria}
        for name, lines in lists.items():
            if len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
                words = {"lines": MOST_LINES, "most": LONGEST_LINE}
                faults[name] = _("At most %(lines)d lines of %(most)d characters.") % words
        try:
            refuse_unstorable(self.as_json())
        except ValueError as error:
            faults["goal"] = _("This cannot be kept: %(error)s.") % {"error": error}
        return faults


NOTHING = Brief()
