"""The tools that come with the product, as a domain registers them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.types import Actor
from governance.models import Domain, Reversibility, Risk
from governance.services import tools
from orchestrator.runners import approval, checkpoint, supply, undo
from orchestrator.runners.console import isolate, preserve, rotate
from orchestrator.runners.git import commit, merge
from orchestrator.runners.release import deploy


@dataclass(frozen=True, slots=True)
class _Tool:
    slug: str
    name: str
    description: str
    schema: Mapping[str, Any]
    risk: Risk
    reversibility: Reversibility


_TOOLS = (
    _Tool(
        merge.SLUG,
        "Merge branches",
        "Merges one branch of a local repository into another by a merge commit.",
        merge.SCHEMA,
        Risk.HIGH,
        Reversibility.COMPENSABLE,
    ),
    *(
        _Tool(
            each.SLUG,
            each.NAME,
            each.DESCRIPTION,
            each.SCHEMA,
            each.RISK,
            each.REVERSIBILITY,
        )
        for each in (commit, deploy, isolate, rotate, preserve)
    ),
    *(
        _Tool(
            each.SLUG,
            each.NAME,
            each.DESCRIPTION,
            each.SCHEMA,
            Risk.MEDIUM,
            Reversibility.READ_ONLY,
        )
        for each in (approval, checkpoint, supply, undo)
    ),
)


def register_tools(domain: Domain, actor: Actor) -> None:
    """Register every tool of the product; those registered alike stay as they are."""
    for tool in _TOOLS:
        tools.register(
            slug=tool.slug,
            name=tool.name,
            description=tool.description,
            schema=tool.schema,
            risk=tool.risk,
            reversibility=tool.reversibility,
            actor=actor,
            domain=domain,
        )
