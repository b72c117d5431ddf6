"""Who gave what is in a run: its author, and what kind of source that is.

Whoever reads it, an agent above all, is told, because nothing an agent or a tool wrote is an
instruction to another.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.models import Step, Trust
from orchestrator.runners import supply
from orchestrator.services.step_rows import is_abroad

# Runners whose answers are not the words of an agent of the house.
_TRUST: Mapping[str, Trust] = {"mcp": Trust.TOOL, "http": Trust.EXTERNAL}


@dataclass(frozen=True, slots=True)
class Source:
    """An author by name, and how far to trust it."""

    author: str
    trust: Trust


def source_of(step: Step) -> Source:
    """Return whose words the output of a step are. `agent` and `action` are loaded.

    What a person supplied is that person's; what came together in a block is the engine's, out of
    what agents said. What another domain's agent said comes from outside.
    """
    if step.action is not None and step.action.tool_id == supply.SLUG:
        return Source(str(step.action.on_behalf_of), Trust.HUMAN)
    if step.agent is None:
        return Source("engine", Trust.AGENT)
    author = f"{step.agent.slug}@{step.agent.version}"
    if is_abroad(step):
        return Source(author, Trust.EXTERNAL)
    return Source(author, _TRUST.get(step.agent.runner, Trust.AGENT))
