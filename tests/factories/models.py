"""Agents that are a scripted model: the endpoint is real, what it says stands in the test."""

from collections.abc import Callable
from typing import Any

from governance.models import Agent
from orchestrator.demo.scripted.server import ScriptedModel
from tests.factories import governance

Play = Callable[..., ScriptedModel]
CALLING = "ledger_append"


def model_agent(
    home: governance.House, model: ScriptedModel, slug: str = "clerk", **config: Any
) -> Agent:
    """Register an agent that this model answers for and that may propose to write ledgers."""
    return governance.agent(
        home.domain,
        home.ada,
        home.sam,
        slug=slug,
        name=slug.capitalize(),
        runner="openai",
        runner_config={
            "base_url": model.base_url,
            "model": "scripted",
            "instructions": "You keep ledgers.",
            "tools": ["ledger.append"],
            **config,
        },
    )


def calls(*lines: str, ledger: Any, **turn: Any) -> dict[str, Any]:
    """Return a turn of a script that wants to append these lines to a ledger."""
    return {
        "calls": [
            {"name": CALLING, "arguments": {"ledger": str(ledger), "line": line}} for line in lines
        ],
        **turn,
    }
