"""What a schema cannot say about a workflow file: names that must exist, order, expressions."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from orchestrator.workflow import cost, expressions, references
from orchestrator.workflow.block_checks import problems_of_block
from orchestrator.workflow.blocks import fields_of
from orchestrator.workflow.nodes import Node, nodes
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.shape import input_validator
from orchestrator.workflow.source import Place, Source

RUN_NAMES = ("inputs", "steps")
CHECKPOINT_NAMES = ("inputs", "outputs")


def problems_of_meaning(source: Source) -> list[Problem]:
    """Return everything wrong with a file whose shape is right."""
    every = list(nodes(source))
    found = [
        *_inputs(source),
        *_agents(source, every),
        *_ids(source, every),
        *_success(source),
    ]
    for node in every:
        found += [*_references(source, node), *_cycles(source, node), *_jumps(source, node)]
        found += _node_expressions(source, node)
        found += problems_of_block(source, node) if node.pattern else _agent(source, node)
    return sorted(set(found))


def _inputs(source: Source) -> Iterator[Problem]:
    try:
        references.check(source.value["inputs"])
        input_validator(source.value["inputs"])
    except references.EntangledError as error:
        place = ("inputs", *error.place)
        yield source.problem(place, f"inputs is not a JSON Schema to be used: {error}")
    except ValueError as error:
        yield source.problem(("inputs",), f"inputs is not a JSON Schema: {error}")


def _agents(source: Source, every: list[Node]) -> Iterator[Problem]:
    used = {node.plain["agent"] for node in every if not node.pattern}
    for node in every:
        used |= fields_of(node.pattern).agents_named(node.plain)
    for alias in source.value["agents"]:
        if alias not in used:
            yield source.problem(("agents", alias), f"agent {alias!r} is not used by any step")


def _agent(source: Source, node: Node) -> Iterator[Problem]:
    if node.plain["agent"] not in source.value["agents"]:
        message = f"unknown agent {node.plain['agent']!r}"
        yield source.problem((*node.place, "agent"), message)


def _ids(source: Source, every: list[Node]) -> Iterator[Problem]:
    seen: Counter[str] = Counter()
    for node in every:
        name = node.plain["id"]
        is_do = node.place[-1] == "do"
        if seen[name] and not is_do:
            yield source.problem((*node.place, "id"), f"step id {name!r} is used twice")
        if name == "do" and not is_do:
            yield source.problem((*node.place, "id"), "'do' is what a foreach does, not an id")
        seen[name] += 1


def _references(source: Source, node: Node) -> Iterator[Problem]:
    place, context = node.place, node.plain.get("context", [])
    for number, name in enumerate(node.plain.get("needs", [])):
        if name not in node.siblings:
            message = f"needs names an unknown step {name!r}"
            yield source.problem((*place, "needs", number), message)
    for number, name in enumerate(context if isinstance(context, list) else []):
        if name not in (*node.visible, *node.siblings):
            message = f"context names an unknown step {name!r}"
            yield source.problem((*place, "context", number), message)
        elif name not in node.visible:
            message = f"context names {name!r}, which has not run yet"
            yield source.problem((*place, "context", number), message)


def _jumps(source: Source, node: Node) -> Iterator[Problem]:
    for key in ("on_failure", "on_reject"):
        chosen = node.plain.get(key)
        place: Place = (*node.place, key)
        if node.is_branch and (chosen == "continue" or isinstance(chosen, Mapping)):
            message = "a branch does not go on or back by itself; its block says what follows"
            yield source.problem(place, message)
        elif isinstance(chosen, Mapping):
            to = chosen["to"]
            if to not in (*node.earlier, node.plain["id"]):
                message = f"{to!r} is neither this step nor one before it in its sequence"
                yield source.problem((*place, "to"), message)


def _node_expressions(source: Source, node: Node) -> Iterator[Problem]:
    names = (*RUN_NAMES, *node.given)
    if "when" in node.plain:
        place: Place = (*node.place, "when")
        yield from _expression(source, place, node.plain["when"], names, node.visible)
    for text in expressions.expressions_in(node.plain.get("with", {})):
        yield from _expression(source, (*node.place, "with"), text, names, node.visible)
    for number, rule in enumerate(node.plain.get("checkpoint", [])):
        place = (*node.place, "checkpoint", number, "require")
        yield from _expression(source, place, rule["require"], CHECKPOINT_NAMES, ())
    for place, text, known in fields_of(node.pattern).expressions(node.plain):
        where = (*node.place, *place)
        yield from _expression(source, where, text, (*known, *node.given), node.visible)


def _success(source: Source) -> Iterator[Problem]:
    every = [step["id"] for step in source.value["steps"]]
    for number, expression in enumerate(source.value["success"]):
        yield from _expression(source, ("success", number), expression, RUN_NAMES, every)


def _expression(
    source: Source,
    place: Place,
    expression: str,
    names: Collection[str],
    steps: Collection[str],
) -> Iterator[Problem]:
    if problem := cost.excess(expression):
        yield source.problem(place, problem)
        return
    try:
        unknown = expressions.unknown_names(expression, names)
    except expressions.ExpressionError as error:
        yield source.problem(place, f"not a CEL expression: {error}")
        return
    for name in unknown:
        known = " and ".join(names)
        yield source.problem(place, f"unknown name {name!r}; here an expression sees {known}")
    for step in expressions.steps_named(expression):
        if step not in steps:
            message = f"steps.{step} is not a step that has run by then"
            yield source.problem(place, message)


def _cycles(source: Source, node: Node) -> Iterator[Problem]:
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


def _siblings_of(source: Source, node: Node) -> dict[str, list[str]]:
    found = source.value
    for part in node.place[:-1]:
        found = found[part]
    steps = found if isinstance(found, list) else []
    return {step["id"]: step.get("needs", []) for step in steps}


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
