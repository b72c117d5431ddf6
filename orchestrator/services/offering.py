"""The tools that an agent is offered: those its configuration names, as they are registered."""

from governance.models import Agent
from governance.refusals import Refusal
from governance.selectors.tools import usable_tool
from orchestrator.runners.base import AgentFailedError, OfferedTool


def offered(agent: Agent) -> tuple[OfferedTool, ...]:
    """Return the tools of `runner_config["tools"]`; raises AgentFailedError for one not usable.

    Being offered a tool permits nothing: policy judges every action proposed with it.
    """
    slugs = agent.runner_config.get("tools", ())
    try:
        tools = [usable_tool(slug) for slug in slugs]
    except Refusal as no:
        raise AgentFailedError(no.code, no.detail, retryable=False) from None
    return tuple(OfferedTool(tool.slug, tool.description, tool.schema) for tool in tools)
