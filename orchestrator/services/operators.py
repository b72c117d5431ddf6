"""Who may take a run into their hands, and what they must say about it."""

from django.utils.translation import gettext as _

from governance.models import Person
from governance.refusals import Forbidden, Invalid
from governance.selectors import people
from orchestrator.models import Run

REASON_LENGTH = 2000


def checked(*, run: Run, person: Person, reason: str) -> str:
    """Return the reason without the blanks around it.

    Raises Forbidden unless an active person may operate the runs of the domain, Invalid without
    a reason. An agent is no Person and never comes this far (DESIGN law 7).
    """
    if not isinstance(person, Person):
        raise Forbidden("agent_principal", _("Only people can do this, never an agent."))
    people.require(person, run.domain, "operate_runs")
    said = reason.strip()
    if not 1 <= len(said) <= REASON_LENGTH or "\0" in said:
        detail = _("Say why, in 1 to 2000 characters.")
        raise Invalid("reason_required", detail, errors=[{"pointer": "/reason", "detail": detail}])
    return said
