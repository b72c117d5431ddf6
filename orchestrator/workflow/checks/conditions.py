"""CEL in a file: it compiles, is not too costly, and reads only what there is by then."""

from collections.abc import Collection, Iterator, Sequence

from orchestrator.workflow import cost, expressions
from orchestrator.workflow.blocks import fields_of
from orchestrator.workflow.nodes import Node
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.source import Place, Source

_RUN_NAMES = ("inputs", "steps")
CHECKPOINT_NAMES = ("inputs", "outputs", "exhibits")


def success_can_be_read(source: Source, _every: Sequence[Node]) -> Iterator[Problem]:
    """Yield what is wrong with the conditions of success."""
    steps = [step["id"] for step in source.value["steps"]]
    for number, expression in enumerate(source.value["success"]):
        yield from _expression(source, ("success", number), expression, _names(source), steps)


def expressions_can_be_read(source: Source, node: Node) -> Iterator[Problem]:
    """Yield what is wrong with the expressions of a step, forward references among them."""
    names = (*_names(source), *node.given)
    if "when" in node.plain:
        place: Place = (*node.place, "when")
        yield from _expression(source, place, node.plain["when"], names, node.visible)
    for text in expressions.expressions_in(node.plain.get("with", {})):
        yield from _expression(source, (*node.place, "with"), text, names, node.visible)
    for number, key in enumerate(node.plain.get("mutex", [])):
        for text in expressions.expressions_in(key):
            place = (*node.place, "mutex", number)
            yield from _expression(source, place, text, ("inputs", *node.given), ())
    for number, rule in enumerate(node.plain.get("checkpoint", [])):
        place = (*node.place, "checkpoint", number, "require")
        seen = CHECKPOINT_NAMES[:2] if node.pattern else CHECKPOINT_NAMES
        yield from _expression(source, place, rule["require"], seen, ())
    for place, text, known in fields_of(node.pattern).expressions(node.plain):
        where = (*node.place, *place)
        yield from _expression(source, where, text, (*known, *node.given), node.visible)


def _names(source: Source) -> tuple[str, ...]:
    """Return what expressions of steps read of the run; state only where there is any."""
    return (*_RUN_NAMES, "state") if "state" in source.value else _RUN_NAMES


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
    for key in expressions.state_named(expression) if "state" in names else ():
        if key not in source.value["state"]:
            yield source.problem(place, f"state.{key} is no key that 'state' declares")
    for step in expressions.steps_named(expression):
        if step not in steps:
            message = f"steps.{step} is not a step that has run by then"
            yield source.problem(place, message)
