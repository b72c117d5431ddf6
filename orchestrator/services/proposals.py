"""A step asks governance for an action, and goes where the verdict sends it."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from governance.models import Action, Exhibit, Gate, Outcome
from governance.refusals import Refusal
from governance.services import actions
from governance.services.actions import Prepared, Proposed
from orchestrator.models import Step
from orchestrator.runners.base import AgentFailedError, Proposal
from orchestrator.services import steps

MOST_PROPOSALS = 6
# What may be otherwise a moment later; every other refusal would only be repeated.
_PASSING = frozenset({"fact_unavailable"})


def prepare(step: Step, proposal: Proposal) -> Prepared:
    """Check the arguments and collect facts now, outside of any transaction.

    The action's index counts what the step proposed before, so that a repeated attempt prepares
    the same action. Raises AgentFailedError for what governance refuses.
    """
    index = Action.objects.filter(run_id=step.run_id, step_path=step.path).count()
    if index >= MOST_PROPOSALS:
        detail = _("The step proposed an action %(count)d times and none was carried out.")
        raise AgentFailedError("too_many_proposals", detail % {"count": index}, retryable=False)
    try:
        return actions.prepare(
            agent=step.agent,
            tool_slug=proposal.tool,
            arguments=proposal.arguments,
            on_behalf_of=step.run.initiator,
            run_id=step.run_id,
            step_path=step.path,
            index=index,
        )
    except Refusal as refusal:
        retryable = refusal.code in _PASSING
        raise AgentFailedError(refusal.code, refusal.detail, retryable=retryable) from None


def submit(
    step: Step,
    prepared: Prepared,
    *,
    rationale: str,
    held_output: Mapping[str, Any],
    delta_of: Gate | None = None,
) -> None:
    """Propose, and move the held step on; joins the caller's transaction.

    Reviewers see everything the run's agents attached; what the control plane computes about an
    action is attached with the action itself.
    """
    attached = Exhibit.objects.filter(run_id=step.run_id, agent__isnull=False)
    proposed = actions.propose(
        prepared=prepared,
        exhibits=list(attached.order_by("created_at", "id")),
        rationale=rationale,
        delta_of=delta_of,
    )
    place(step, proposed, held_output)


def place(step: Step, proposed: Proposed, held_output: Mapping[str, Any]) -> None:
    """Send a held step where its action's verdict says: to people, to execution or to its end."""
    if proposed.gate is not None:
        steps.suspend(step, proposed.action, held_output)
    elif proposed.verdict.outcome == Outcome.ALLOW:
        steps.release_to_execution(step, proposed.action, held_output)
    else:
        steps.fail(step, "policy_denied", denial(proposed))


def denial(proposed: Proposed) -> str:
    """Say in one sentence why policy denied."""
    reasons = ", ".join(proposed.verdict.reasons) or _("no policy permits it")
    return _("Policy denied the action: %(reasons)s.") % {"reasons": reasons}
