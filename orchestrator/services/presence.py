"""Who of those who vote in a run's chats is in service: a fact that its decisions depend on."""

from governance.models import Lifecycle
from orchestrator.models import Run
from orchestrator.services.history import ENGINE, tell_run
from orchestrator.services.intake import agents_of
from orchestrator.services.selection import refs_of
from orchestrator.workflow.blocks import voters_of
from orchestrator.workflow.definition import Definition


def absent_of(run: Run, definition: Definition) -> list[str]:
    """Return which voters are not live now, and record it when that changed; the run is held.

    Live is an active agent, and a crew while one of its peers is. Who is suspended, quarantined,
    retired or not known is not.
    """
    voters = voters_of(definition)
    if not voters:
        return []
    agents = agents_of(run.domain_id, refs_of(definition, run.pinned_agents))
    live = {alias for alias, agent in agents.items() if agent.lifecycle == Lifecycle.ACTIVE}
    absent = sorted(name for name in voters if not live & {*definition.peers.get(name, (name,))})
    if absent != run.absent:
        run.absent = absent
        Run.objects.filter(pk=run.pk).update(absent=absent)
        tell_run(run, "run.voters_changed", ENGINE, absent=absent)
    return absent
