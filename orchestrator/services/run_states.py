"""The one place where a run changes its state (engine.md 8.1), by one conditional UPDATE."""

from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from audit.doorbell import ring_list, ring_worker
from governance.refusals import Refusal
from governance.services import holdings
from orchestrator.models import RUN_FINAL, RUN_TRANSITIONS, Run, RunState
from orchestrator.services.illegal import IllegalMoveError

ANSWER_TASK = "orchestrator.answer_errand"
_ANY = Q()


def move(run: Run, to: RunState, *, only: Q = _ANY, **changes: Any) -> None:
    """Move on from the state the run was loaded with; raises Refusal (409) if it cannot."""
    if to not in RUN_TRANSITIONS[run.state]:
        detail = _("The run is “%(state)s” and cannot become “%(to)s”.")
        words = {"state": run.get_state_display(), "to": to.label}
        raise IllegalMoveError(detail % words, run_id=run.pk, step="", was=run.state, to=to.value)
    moved = Run.objects.filter(only, pk=run.pk, state=run.state).update(state=to, **changes)
    if moved != 1:
        raise Refusal("run_moved", _("The run moved meanwhile; nothing was changed."))
    run.state = to
    if to in RUN_FINAL:
        holdings.close(run_id=run.pk)
    ring_list("runs", run.domain_id)
    if run.contract_id and to in RUN_FINAL:
        ring_worker(ANSWER_TASK, run.pk)
