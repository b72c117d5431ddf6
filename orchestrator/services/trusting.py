"""A run goes on by a person's word only if everything before follows from its own history.

An edited event or a changed definition would make it another run than the one that people
watched and decided about. What was erased by right says nothing against a run.
"""

from uuid import UUID

from django.utils.translation import gettext as _

from governance.refusals import Refusal
from orchestrator.selectors import replays
from orchestrator.selectors.replays import Erased, Replayed

CODE = "nondeterminism"


def refuse_unless_it_follows(run_id: UUID) -> None:
    """Raise Refusal (409) for a run whose history does not come out as it is recorded.

    Reads the whole stream, so it is called outside of any transaction. Ending a run and undoing
    what it did are never kept from anybody.
    """
    outcome = replays.replay(run_id)
    if not isinstance(outcome, Replayed | Erased):
        detail = _("The run cannot go on, because its history does not follow. %(why)s")
        raise Refusal(CODE, detail % {"why": replays.said(outcome)})
