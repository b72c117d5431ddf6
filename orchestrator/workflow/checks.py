"""What a schema cannot say about a workflow file: names that must exist, order, expressions."""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.workflow import cost, expressions, references
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.shape import input_validator
from orchestrator.workflow.source import Place, Source

RUN_NAMES = ("inputs", "steps")
CHECKPOINT_NAMES = ("inputs", "outputs")


def problems_of_meaning(source: Source) -> list[Problem]:
    """Return everything wrong with a file whose shape is right."""
    found = [
        *_inputs(source),
        *_agents(source),
        *_steps(source),
        *_cycles(source),
        *_success(source),
    ]
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


def _agents(source: Source) -> Iterator[Problem]:
    used = {step["agent"] for step in source.value["steps"]}
    for alias in source.value["agents"]:
        if alias not in used:
            yield source.problem(("agents", alias), f"agent {alias!r} is not used by any step")


def _steps(source: Source) -> Iterator[Problem]:
    earlier: list[str] = []
    every = {step["id"] for step in source.value["steps"]}
    for number, step in enumerate(source.value["steps"]):
        place: Place = ("steps", number)
        if step["id"] in earlier:
            yield source.problem((*place, "id"), f"step id {step['id']!r} is used twice")
        if step["agent"] not in source.value["agents"]:
            yield source.problem((*place, "agent"), f"unknown agent {step['agent']!r}")
        yield from _references(source, place, step, earlier, every)
        yield from _expressions(source, place, step, earlier)
        earlier.append(step["id"])


def _references(
    source: Source, place: Place, step: Mapping[str, Any], earlier: list[str], every: set[str]
) -> Iterator[Problem]:
    context = step.get("context", [])
    for key, names in (("needs", step.get("needs", [])), ("context", context)):
        for number, name in enumerate(names if isinstance(names, list) else []):
            if name not in every:
                message = f"{key} names an unknown step {name!r}"
                yield source.problem((*place, key, number), message)
            elif key == "context" and name not in earlier:
                message = f"context names {name!r}, which has not run yet"
                yield source.problem((*place, key, number), message)


def _expressions(
    source: Source, place: Place, step: Mapping[str, Any], earlier: list[str]
) -> Iterator[Problem]:
    for expression in expressions.expressions_in(step.get("with", {})):
        yield from _expression(source, (*place, "with"), expression, RUN_NAMES, earlier)
    for number, rule in enumerate(step.get("checkpoint", [])):
        where = (*place, "checkpoint", number, "require")
        yield from _expression(source, where, rule["require"], CHECKPOINT_NAMES, ())


def _success(source: Source) -> Iterator[Problem]:
    every = [step["id"] for step in source.value["steps"]]
    for number, expression in enumerate(source.value["success"]):
        yield from _expression(source, ("success", number), expression, RUN_NAMES, every)


def _expression(
    source: Source,
    place: Place,
    expression: str,
    names: tuple[str, ...],
    steps: list[str] | tuple[()],
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


def _cycles(source: Source) -> Iterator[Problem]:
    needs = {step["id"]: step.get("needs", []) for step in source.value["steps"]}
    order = {name: number for number, name in enumerate(needs)}
    for number, step in enumerate(source.value["steps"]):
        for at, name in enumerate(step.get("needs", [])):
            place = ("steps", number, "needs", at)
            if _reaches(needs, name, step["id"]):
                message = f"step {step['id']!r} waits for itself through {name!r}"
                yield source.problem(place, message)
            elif order.get(name, -1) > number:
                message = f"step {step['id']!r} needs {name!r}, which stands after it"
                yield source.problem(place, message)


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
