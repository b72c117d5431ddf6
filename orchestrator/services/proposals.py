"""A step asks governance for an action, and goes where the verdict sends it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from governance.models import Action, EffectState, Exhibit, Gate, Outcome
from governance.reasons import words_of
from governance.refusals import Refusal
from governance.services import actions
from governance.services.actions import Prepared, Proposed
from orchestrator.models import Step
from orchestrator.runners.base import AgentFailedError, Proposal
from orchestrator.services import conversations, errands, failures, guards, steps
from orchestrator.services.voices import voice_of

MOST_PROPOSALS = 6
# Of one step in all, whatever its agent's own limit says.
MOST_ACTIONS = 100
_DONE = (EffectState.SUCCEEDED, EffectState.RECONCILED)
# What may be otherwise a moment later; every other refusal would only be repeated.
_PASSING = frozenset({"fact_unavailable"})


@dataclass(frozen=True, slots=True)
class Again:
    """An action to be proposed anew, the one it stands for, and the gate that had approved it."""

    prepared: Prepared
    before: Action
    gate: Gate | None


def prepare(step: Step, proposal: Proposal) -> Prepared:
    """Check the arguments and collect facts now, outside of any transaction.

    The action's index counts what the step proposed before, so that a repeated attempt prepares
    the same action. Raises AgentFailedError for what governance refuses.
    """
    index, guard = _next_index(step), guards.guard_of(step, proposal.tool)
    with _refusals_fail():
        errands.require(step.run, tool_slug=proposal.tool)
        prepared = actions.prepare(
            agent=voice_of(step),
            tool_slug=proposal.tool,
            arguments=proposal.arguments,
            on_behalf_of=step.run.initiator,
            run_id=step.run_id,
            step_path=step.place,
            index=index,
            demands=guards.demands_of(step, guard),
        )
    guards.refuse_without_undo(guard, prepared)
    return prepared


def prepare_again(step: Step) -> Again:
    """Collect facts anew for the step's action, which certainly did not happen.

    It becomes another action, with an effect key of its own. Raises AgentFailedError.
    """
    if step.action_id is None:
        raise TypeError("only a step that proposed an action can propose it again")
    index = _next_index(step)
    around = ("on_behalf_of", "agent__owner", "agent__sponsor")
    before = Action.objects.select_related(*around).get(pk=step.action_id)
    gate = Gate.objects.filter(action=before).first()
    with _refusals_fail():
        fresh = actions.prepare_again(action=before, delta=gate is not None)
    return Again(replace(fresh, index=index), before, gate)


def submit(
    step: Step, prepared: Prepared, *, rationale: str, held_output: Mapping[str, Any]
) -> None:
    """Propose, and move the held step on; joins the caller's transaction.

    Reviewers see everything the run's agents attached; what the control plane computes about an
    action is attached with the action itself.
    """
    shown = _attached_by_agents(step)
    place(
        step, actions.propose(prepared=prepared, exhibits=shown, rationale=rationale), held_output
    )


def submit_again(step: Step, again: Again) -> None:
    """Propose once more, showing what is different; joins the caller's transaction."""
    unmoved = again.before.envelope["pins"] == dict(again.prepared.facts.pins)
    if again.gate is not None and unmoved:
        shown = list(again.gate.exhibits.order_by("created_at", "id"))
    else:
        shown = _attached_by_agents(step)
    proposed = actions.propose(
        prepared=again.prepared,
        exhibits=shown,
        rationale=again.before.rationale,
        delta_of=again.gate,
    )
    place(step, proposed, step.held_output)


def place(step: Step, proposed: Proposed, held_output: Mapping[str, Any]) -> None:
    """Send a held step where its action's verdict says: to people, to execution or to its end.

    An agent that goes on is told of a denial instead.
    """
    if proposed.gate is not None:
        steps.suspend(step, proposed.action, held_output)
    elif proposed.verdict.outcome == Outcome.ALLOW:
        steps.release_to_execution(step, proposed.action, held_output)
    elif conversations.is_read_by_agent(step, proposed.action):
        conversations.refuse(step, "policy_denied", denial(proposed), proposed.action)
    else:
        denied = AgentFailedError("policy_denied", denial(proposed), retryable=False)
        failures.settle(step, denied)


def denial(proposed: Proposed) -> str:
    """Say why policy denied, in the words people read for its reasons."""
    words = words_of(proposed.verdict.reasons or ["no_grant"])
    return _("Policy denied the action. %(reasons)s") % {"reasons": words}


def _attached_by_agents(step: Step) -> list[Exhibit]:
    attached = Exhibit.objects.filter(run_id=step.run_id, agent__isnull=False)
    return list(attached.order_by("created_at", "id"))


def _next_index(step: Step) -> int:
    proposed = Action.objects.filter(run_id=step.run_id, step_path=step.place)
    index = proposed.count()
    undone = index - proposed.filter(effect__state__in=_DONE).count() if index else 0
    if undone >= MOST_PROPOSALS:
        detail = _("The step proposed %(count)d actions that were not carried out.")
        raise AgentFailedError("too_many_proposals", detail % {"count": undone}, retryable=False)
    if index >= MOST_ACTIONS:
        detail = _("The step proposed %(count)d actions, and none is left to it.")
        raise AgentFailedError("too_many_proposals", detail % {"count": index}, retryable=False)
    return index


@contextmanager
def _refusals_fail() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        retryable = refusal.code in _PASSING
        raise AgentFailedError(refusal.code, refusal.detail, retryable=retryable) from None
