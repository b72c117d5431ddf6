"""A definition as patterns and agents see it: the plan, and what a step may look at."""

from collections.abc import Mapping
from typing import Any

from orchestrator.patterns.base import PlannedStep
from orchestrator.workflow.definition import Definition, StepPlan
from orchestrator.workflow.expressions import filled


def plan_of(definition: Definition) -> list[PlannedStep]:
    """Return the steps of the file as a pattern plans with them."""
    return [
        PlannedStep(step.id, step.agent, step.needs, step.on_reject, step.on_failure)
        for step in definition.steps
    ]


def granted_outputs(
    definition: Definition, step: StepPlan, outputs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the outputs that the step's `context` lets its agent see, and no others.

    `last` means those the step needs, and the file's order is what it needs unless it says so.
    """
    if step.context == "full":
        names = [other.id for other in definition.steps]
    elif step.context == "last":
        names = list(step.needs)
    else:
        names = list(step.context)
    return {name: outputs[name] for name in names if name in outputs}


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
