"""The order of steps: what stands before what, what is done again, what is never done."""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.workflow.expressions import ExpressionError, compiled, holds
from orchestrator.workflow.nodes import Node
from orchestrator.workflow.planning import BOARD, STATE
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.source import Source

_JUMPING = ("on_failure", "on_reject", "on_timeout")


def needs_are_siblings(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every step needed that is none of the same sequence."""
    for number, name in enumerate(node.plain.get("needs", [])):
        if name not in node.siblings:
            message = f"needs names an unknown step {name!r}"
            yield source.problem((*node.place, "needs", number), message)


def context_has_run(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every step whose output is to be seen and that has not run by then."""
    context = node.plain.get("context", [])
    for number, name in enumerate(context if isinstance(context, list) else []):
        place = (*node.place, "context", number)
        if name.startswith((STATE, BOARD)):
            continue
        if name not in (*node.visible, *node.siblings):
            yield source.problem(place, f"context names an unknown step {name!r}")
        elif name not in node.visible:
            yield source.problem(place, f"context names {name!r}, which has not run yet")


def needs_stand_before(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every step needed that waits for this one, or stands after it."""
    steps = _siblings_of(source, node)
    order = {name: number for number, name in enumerate(node.siblings)}
    for at, name in enumerate(node.plain.get("needs", [])):
        place = (*node.place, "needs", at)
        if _reaches(steps, name, node.plain["id"]):
            message = f"step {node.plain['id']!r} waits for itself through {name!r}"
            yield source.problem(place, message)
        elif order.get(name, -1) > order.get(node.plain["id"], -1):
            message = f"step {node.plain['id']!r} needs {name!r}, which stands after it"
            yield source.problem(place, message)


def jumps_go_back(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every way back that leads nowhere before the step."""
    for key, chosen in _jumps(node):
        known = (*node.earlier, node.plain["id"])
        if not node.is_branch and isinstance(chosen, Mapping) and chosen["to"] not in known:
            message = f"{chosen['to']!r} is neither this step nor one before it in its sequence"
            yield source.problem((*node.place, key, "to"), message)


def branches_do_not_jump(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every branch that would go on or back by itself."""
    for key, chosen in _jumps(node):
        if node.is_branch and (chosen == "continue" or isinstance(chosen, Mapping)):
            message = "a branch does not go on or back by itself; its block says what follows"
            yield source.problem((*node.place, key), message)


def step_can_be_reached(source: Source, node: Node) -> Iterator[Problem]:
    """Yield a step whose condition reads nothing and does not hold: nobody ever comes to it."""
    condition = node.plain.get("when")
    if condition and _is_constant(condition) and not holds(condition, {}):
        message = f"step {node.plain['id']!r} is never reached: its 'when' can never hold"
        yield source.problem((*node.place, "when"), message)


def skipped_needs_are_answered(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every step needed that may be skipped, unless it is said what follows then."""
    steps = {step["id"]: step for step in _sequence_of(source, node)}
    for number, name in enumerate(node.plain.get("needs", [])):
        needed = steps.get(name, {})
        may_skip = "when" in needed or needed.get("when_skipped") == "skip"
        if may_skip and "when_skipped" not in node.plain:
            message = f"needs {name!r}, which may be skipped; say when_skipped: run or skip"
            yield source.problem((*node.place, "needs", number), message)


def _jumps(node: Node) -> list[tuple[str, Any]]:
    return [(key, node.plain[key]) for key in _JUMPING if key in node.plain]


def _is_constant(condition: str) -> bool:
    try:
        return not compiled(condition).variables()
    except ExpressionError:
        return False


def _siblings_of(source: Source, node: Node) -> dict[str, Any]:
    return {step["id"]: step.get("needs", []) for step in _sequence_of(source, node)}


def _sequence_of(source: Source, node: Node) -> list[Mapping[str, Any]]:
    found = source.value
    for part in node.place[:-1]:
        found = found[part]
    return found if isinstance(found, list) else []


def _reaches(needs: Mapping[str, list[str]], start: str, goal: str) -> bool:
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        name = ahead.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            ahead.extend(needs.get(name, []))
    return False
