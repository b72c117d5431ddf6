"""A definition as patterns and agents see it: the plan, and what a step may look at."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from orchestrator.patterns.base import PlannedStep
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.expressions import compiled, expressions_in, filled, steps_named
from orchestrator.workflow.step_plans import StepPlan

# A context selects steps by their names, shared state and the blackboard by theirs behind these.
STATE = "state."
BOARD = "board."
_NOTHING: Mapping[str, Any] = {}


@lru_cache(maxsize=128)
def plan_of(definition: Definition) -> tuple[PlannedStep, ...]:
    """Return the nodes of the file as patterns plan with them, blocks with what is in them."""
    return tuple(map(_planned, definition.steps))


def _planned(step: StepPlan) -> PlannedStep:
    return PlannedStep(
        path=step.id,
        agent=step.agent,
        needs=step.needs,
        on_reject=step.on_reject,
        on_failure=step.on_failure,
        on_timeout=step.on_timeout,
        pattern=step.pattern,
        options=step.options,
        plan=tuple(map(_planned, step.steps)),
        when=step.when,
        when_skipped=step.when_skipped,
        jumps=step.jumps,
        checkpoint=step.checkpoint if step.pattern else (),
        budget=step.budget if step.pattern else {},
    )


def granted(definition: Definition, path: str) -> list[str]:
    """Return the steps whose outputs the `context` of the step at `path` lets its agent see.

    `last` means those the step needs, and the file's order is what it needs unless it says so.
    The first step of a block, and a turn that the file does not declare, see what the block sees.
    """
    line = definition.line_of(path)
    for depth in range(len(line), 0, -1):
        step = line[depth - 1]
        if step.context == "full":
            return _before(definition, line[:depth])
        if not isinstance(step.context, str):
            return [name for name in step.context if not name.startswith((STATE, BOARD))]
        if step.needs:
            return list(step.needs)
    return []


def granted_state(definition: Definition, path: str) -> list[str]:
    """Return the keys of shared state that the `context` of the step at `path` lets it see."""
    context = definition.step(path).context
    if isinstance(context, str):
        return list(definition.state) if context == "full" else []
    return [name.removeprefix(STATE) for name in context if name.startswith(STATE)]


def _before(definition: Definition, line: Sequence[StepPlan]) -> list[str]:
    names: list[str] = []
    siblings: Sequence[StepPlan] = definition.steps
    for step in line:
        order = [sibling.id for sibling in siblings]
        names += order[: order.index(step.id)] if step.id in order else []
        siblings = step.steps if step.pattern == "sequential" else ()
    return names


def named_in_arguments(step: StepPlan) -> list[str]:
    """Return the steps that expressions of the step's `with` read."""
    texts = expressions_in(step.arguments or {})
    return [name for text in texts for name in steps_named(text)]


def reads_state(step: StepPlan) -> bool:
    """Whether an expression of the step's `with` reads shared state."""
    texts = expressions_in(step.arguments or {})
    return any("state" in compiled(text).variables() for text in texts)


def given_inputs(
    step: StepPlan, scope: Mapping[str, Any], each: Mapping[str, Any] = _NOTHING
) -> dict[str, Any]:
    """Return what the agent is given: its `with`, filled in, or else the run's inputs.

    `scope` is what expressions read of the run (`inputs`, `steps`, `state`), `each` are the names
    that the foreach blocks around the step give it. Raises ExpressionError when an expression of
    `with` cannot be evaluated.
    """
    if step.arguments is None:
        return dict(scope["inputs"])
    given: dict[str, Any] = filled(step.arguments, {**each, **scope})
    return given
