"""A definition as patterns and agents see it: the plan, and what a step may look at."""

from collections.abc import Mapping
from typing import Any

from orchestrator.patterns.base import PlannedStep
from orchestrator.workflow.definition import Definition, StepPlan
from orchestrator.workflow.expressions import expressions_in, filled, steps_named


def plan_of(definition: Definition) -> list[PlannedStep]:
    """Return the steps of the file as a pattern plans with them."""
    return [
        PlannedStep(step.id, step.agent, step.needs, step.on_reject, step.on_failure)
        for step in definition.steps
    ]


def granted(definition: Definition, step: StepPlan) -> list[str]:
    """Return the steps whose outputs the step's `context` lets its agent see.

    `last` means those the step needs, and the file's order is what it needs unless it says so.
    """
    if step.context == "full":
        return [other.id for other in definition.steps]
    if step.context == "last":
        return list(step.needs)
    return list(step.context)


def named_in_arguments(step: StepPlan) -> list[str]:
    """Return the steps that expressions of the step's `with` read."""
    texts = expressions_in(step.arguments or {})
    return [name for text in texts for name in steps_named(text)]


def given_inputs(
    step: StepPlan, inputs: Mapping[str, Any], outputs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the agent is given: its `with`, filled in, or else the run's inputs.

    Raises ExpressionError when an expression of `with` cannot be evaluated.
    """
    if step.arguments is None:
        return dict(inputs)
    given: dict[str, Any] = filled(step.arguments, {"inputs": inputs, "steps": outputs})
    return given
