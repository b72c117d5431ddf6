"""Budgets in a file: no step and no block may use more than the run does."""

from collections.abc import Iterator

from orchestrator.workflow.money import amounts_of
from orchestrator.workflow.nodes import Node
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.source import Source

_KEYS = {"micro_usd": "usd"}


def budget_fits(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every amount of a step or block that the budget of the run does not allow."""
    caps = amounts_of(source.value["budget"])
    for unit, amount in amounts_of(node.plain.get("budget", {})).items():
        if amount > caps.get(unit, amount):
            key = _KEYS.get(unit, unit)
            most = source.value["budget"][key]
            message = f"{key} is more than the {most} that the whole run may use"
            yield source.problem((*node.place, "budget", key), message)
