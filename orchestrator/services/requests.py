"""What a turn of an agent is given: its inputs, what the file shows it, and what came since."""

from django.utils.translation import gettext as _

from orchestrator.models import Step, StepKind
from orchestrator.runners.base import AgentFailedError, AgentRequest
from orchestrator.services import answers, context, conversations, errands
from orchestrator.services.offering import offered
from orchestrator.services.step_rows import agent_of
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.expressions import ExpressionError
from orchestrator.workflow.inputs import places
from orchestrator.workflow.step_plans import StepPlan

# Turns in which nothing is proposed.
WORDS_ONLY = frozenset({StepKind.BID, StepKind.ACK})


def request_of(step: Step, definition: Definition, plan: StepPlan) -> AgentRequest:
    """Return the request of a step's next turn; raises AgentFailedError if there can be none."""
    agent = agent_of(step)
    try:
        inputs, shown = context.inputs_and_context(step, definition, plan)
    except ExpressionError as error:
        detail = _("What the step is given could not be worked out: %(error)s")
        raise AgentFailedError("with", detail % {"error": error}, retryable=False) from None
    task = answers.task_of(step)
    request = AgentRequest(
        run_id=str(step.run_id),
        step_path=step.place,
        agent_slug=agent.slug,
        config=agent.runner_config,
        inputs=inputs,
        context=shown,
        deadline=plan.timeouts.start_to_close,
        idempotency_key=conversations.key_of(step, task),
        task=task,
        paths=places(definition.inputs, step.run.inputs),
        tools=() if step.kind in WORDS_ONLY else offered(agent),
        conversation=step.conversation.get("kept"),
        outcome=step.conversation.get("outcome"),
        refusal=step.conversation.get("refusal"),
        answer=step.conversation.get("answer"),
    )
    return errands.as_asked(step, request)
