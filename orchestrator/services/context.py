"""What an agent is shown of its run: what the step's context grants, each with its source."""

from collections.abc import Collection, Mapping
from typing import Any

from orchestrator.history.places import blocks_around
from orchestrator.models import Run, Step, StepKind, StepState
from orchestrator.patterns.placing import TURN
from orchestrator.services import blackboard, remembered, shared_state
from orchestrator.services.briefs import Brief
from orchestrator.services.sources import source_of
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.planning import (
    given_inputs,
    granted,
    granted_state,
    named_in_arguments,
    reads_state,
)
from orchestrator.workflow.step_plans import StepPlan


def inputs_and_context(
    step: Step, definition: Definition, plan: StepPlan
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the agent is given, and what it sees of the run beside that.

    Raises ExpressionError when an expression of `with` cannot be evaluated.
    """
    seen = granted(definition, step.path)
    done = _done(step.run, {*seen, *named_in_arguments(plan)}, step.path)
    scope = {"inputs": step.run.inputs, "steps": _outputs(done)}
    if reads_state(plan):
        scope["state"] = shared_state.values_of(step.run, definition)
    given = given_inputs(plan, scope, step.task.get("each", {}))
    return given, _shown(step, definition, {name: done[name] for name in seen if name in done})


def outputs_of(run: Run, names: Collection[str], *, at: str = "") -> dict[str, Any]:
    """Return `steps` as expressions of the step at `at` see it: outputs of those that succeeded.

    A name means the step of that name in the innermost block around it that has one.
    """
    return _outputs(_done(run, names, at))


def _outputs(done: Mapping[str, Step]) -> dict[str, Any]:
    return {name: {"outputs": step.output} for name, step in done.items()}


def _done(run: Run, names: Collection[str], at: str) -> dict[str, Step]:
    if not names:
        return {}
    blocks = ["", *(f"{block}/" for block in blocks_around(at))]
    places = [f"{block}{name}" for block in blocks for name in names]
    rows = remembered.succeeded(run, places)
    if rows is None:
        done = run.steps.filter(path__in=places, state=StepState.SUCCEEDED)
        rows = list(done.select_related("agent", "action__on_behalf_of"))
    rows.sort(key=lambda row: (row.path.count("/"), row.iteration))
    return {row.path.rpartition("/")[2]: row for row in rows}


def _shown(step: Step, definition: Definition, seen: Mapping[str, Step]) -> dict[str, Any]:
    keys = granted_state(definition, step.path)
    run = step.run
    brief = Brief(run.goal, run.constraints, run.success_criteria).as_json()
    return {
        "inputs": run.inputs,
        **brief,
        "steps": {name: _with_source(found) for name, found in seen.items()},
        **({"state": shared_state.seen(step, definition, keys)} if keys else {}),
        **({"board": board} if (board := blackboard.seen(step, definition)) else {}),
        **({"note": step.note} if step.note else {}),
    }


def _with_source(step: Step) -> dict[str, Any]:
    source = source_of(_done_by(step))
    return {"outputs": step.output, "author": source.author, "trust": source.trust.value}


def _done_by(step: Step) -> Step:
    """Return the turn of a step that peers bid for, whose words its output is."""
    if step.kind != StepKind.BLOCK or not step.alias:
        return step
    turns = Step.objects.filter(run_id=step.run_id, path=f"{step.place}/{TURN}")
    done = turns.filter(state=StepState.SUCCEEDED).order_by("iteration")
    return done.select_related("agent", "action__on_behalf_of").last() or step
