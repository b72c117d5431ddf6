"""What a turn is asked, and whether its answer can be kept and fits the question."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from audit.canonical import canonical_bytes
from orchestrator.models import Errand, Step
from orchestrator.patterns.children import misfit
from orchestrator.patterns.placing import TURN
from orchestrator.patterns.registry import pattern_named
from orchestrator.runners.base import AgentFailedError
from orchestrator.workflow import checkpoints
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.shared_state import misfit_of, written_by

# An event carries the output, so that a run can be replayed; larger things are exhibits.
MOST_BYTES = 131_072
INVALID = "invalid_answer"
# What an agent is told to do better when it is asked again.
_TOLD = frozenset({INVALID, "invalid_tool_call", checkpoints.FAILED})


def task_of(step: Step) -> Mapping[str, Any]:
    """Return what the agent is told beside its inputs; after a misfit, what was wrong with it."""
    task: dict[str, Any] = {key: part for key, part in step.task.items() if key != "each"}
    last = step.tries.exclude(error_code="").order_by("number").last() if step.attempts else None
    if last is not None and last.error_code in _TOLD:
        task["error"] = {"code": last.error_code, "detail": last.error_detail}
    return task


def check(step: Step, definition: Definition, output: Mapping[str, Any]) -> None:
    """Raise AgentFailedError for an answer that is too large or does not fit what is asked.

    That is `task["answer"]`, and the types of the shared state that the answer writes.

    A pattern that judges answers itself tells its agent what was wrong, and counts.
    """
    try:
        size = len(canonical_bytes(dict(output)))
    except ValueError as error:
        detail = _("The agent's output could not be used: %(error)s.") % {"error": error}
        raise AgentFailedError("malformed_output", detail, retryable=False) from None
    if size > MOST_BYTES:
        detail = _("The agent's output has %(size)d bytes; at most %(most)d can be kept.")
        words = {"size": size, "most": MOST_BYTES}
        raise AgentFailedError("output_too_large", detail % words, retryable=False)
    for name, value in written_by(definition, step.path, output).items():
        if fault := misfit_of(definition.state[name], name, value):
            raise AgentFailedError(fault.code, fault.detail, retryable=True)
    schema = step.task.get("answer")
    if schema is None or is_judged_by_its_block(step, definition):
        return
    if fault := misfit(output, schema, INVALID):
        raise AgentFailedError(fault.code, fault.detail, retryable=True)


def is_judged_by_its_block(step: Step, definition: Definition) -> bool:
    """Whether a pattern, here or in the domain that asks, judges the answer itself."""
    if step.run.contract_id:
        return bool(Errand.objects.get(run=step.run_id).request["is_judged"])
    around = definition.line_of(step.path)[:-1]
    if around and not around[-1].pattern:
        # It belongs to placing a step; only the turn itself is for the block around that.
        around = around[:-1] if step.path.endswith(f"/{TURN}") else ()
    return bool(around) and getattr(pattern_named(around[-1].pattern), "judges_answers", False)
