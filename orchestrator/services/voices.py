"""In whose name people of a domain are asked about a run of theirs."""

from django.utils.translation import gettext as _

from governance.models import Agent, Lifecycle
from governance.refusals import Refusal
from orchestrator.models import Step
from orchestrator.services.definitions import definition_of
from orchestrator.services.intake import agents_of
from orchestrator.services.selection import refs_of
from orchestrator.services.step_rows import agent_of, is_abroad


def voice_of(step: Step) -> Agent:
    """Return the agent of the step, or one of its run's own domain where another one has it.

    Another domain's agent proposes in its own domain only. Raises Refusal if the file names no
    active agent of the run's domain.
    """
    if not is_abroad(step):
        return agent_of(step)
    run = step.run
    refs = refs_of(definition_of(run.workflow_id), run.pinned_agents)
    everybody = agents_of(run.domain_id, refs).values()
    here = [agent for agent in everybody if agent.domain_id == run.domain_id]
    for agent in here:
        if agent.lifecycle == Lifecycle.ACTIVE:
            return agent
    detail = _(
        "Step %(path)s asks people here, and its file names no active agent of this domain."
    )
    raise Refusal("no_agent_here", detail % {"path": step.path})
