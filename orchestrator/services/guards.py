"""What a workflow says of its steps' actions is enforced: tool, effect, gate, undo and scopes.

What can be known before a run starts is checked then; the rest when the action is proposed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from governance.adapters import FactUnavailableError, adapter_for
from governance.models import Agent
from governance.refusals import Invalid
from governance.selectors import scopes
from governance.services import bundles
from governance.services.actions import Prepared
from orchestrator.models import Step, StepKind, Workflow
from orchestrator.runners import approval, checkpoint, supply, undo
from orchestrator.runners.base import AgentFailedError, Proposal
from orchestrator.services.definitions import definition_of
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.guarding import NOTHING, Guard
from orchestrator.workflow.pointers import pointer
from orchestrator.workflow.selection import covers
from orchestrator.workflow.step_plans import StepPlan, duration

# Questions of the house about a step are no action of its agent.
_OF_THE_HOUSE = frozenset({approval.SLUG, checkpoint.SLUG, supply.SLUG, undo.SLUG})
Found = Iterator[tuple[tuple[str, ...], str]]


def guard_of(step: Step, tool: str) -> Guard:
    """Return what the file says of an action of the step; raises AgentFailedError for its tool."""
    if tool in _OF_THE_HOUSE:
        return NOTHING
    guard = definition_of(step.run.workflow_id).step(step.path).guard
    if guard.tool and guard.tool != tool:
        detail = _("The workflow lets this step use %(tool)s and nothing else.")
        words = {"tool": guard.tool}
        raise AgentFailedError("undeclared_action", detail % words, retryable=False)
    return guard


def refuse_of_the_house(step: Step, proposals: Sequence[Proposal]) -> None:
    """Raise AgentFailedError for a question of the house that an agent itself proposed.

    What is supplied counts as a person's words, and what passes a checkpoint as judged.
    """
    asked = next((one.tool for one in proposals if one.tool in _OF_THE_HOUSE), "")
    if asked and step.kind != StepKind.APPROVAL:
        detail = _("No agent may propose %(tool)s.") % {"tool": asked}
        raise AgentFailedError("undeclared_action", detail, retryable=False)


def demands_of(step: Step, guard: Guard) -> dict[str, Any]:
    """Return who has to agree beside whom policy asks, as governance takes it."""
    return _demanded(definition_of(step.run.workflow_id), guard.gate)


def demands_of_undo(definition: Definition, place: str) -> dict[str, Any]:
    """Return who has to agree to undo what the step at `place` of a run did, by its file."""
    return _demanded(definition, definition.step(place).guard.undo_gate)


def _demanded(definition: Definition, name: str) -> dict[str, Any]:
    if not name:
        return {}
    rule = definition.gates[name]
    return {
        "groups": list(rule.groups),
        "quorum": rule.quorum,
        "distinct_from": list(rule.separation),
        "decide_within_seconds": int(duration(rule.expires).total_seconds()),
    }


def refuse_without_undo(guard: Guard, prepared: Prepared) -> None:
    """Raise AgentFailedError for an action that has to be undoable and registers no undo."""
    if guard.undone and not prepared.compensation:
        detail = _("%(tool)s registers no undo for this, and the workflow asks for one.")
        words = {"tool": prepared.tool.slug}
        raise AgentFailedError("no_compensation", detail % words, retryable=False)


def escalates_when_expired(step: Step) -> bool:
    """Whether a person takes over where nobody decided the step's gate in time."""
    if step.action is None or not step.action.demands:
        return False
    definition = definition_of(step.run.workflow_id)
    name = definition.step(step.path).guard.gate
    return bool(name) and definition.gates[name].on_expire == "escalate"


def check(workflow: Workflow, definition: Definition, agents: Mapping[str, Agent]) -> None:
    """Raise Invalid, by JSON pointer into the file, where what it says does not hold here."""
    found = [
        *_policy(workflow, definition, agents),
        *_scopes(definition, agents),
        *_undo_gates(workflow, definition.steps),
        *(one for step in definition.steps for one in _effects(step)),
    ]
    if found:
        errors = [{"pointer": pointer(place), "detail": why} for place, why in found]
        detail = _("The run was not started: %(why)s")
        why = " ".join(why for _place, why in found)
        raise Invalid("unfit_workflow", detail % {"why": why}, errors=errors)


def _policy(workflow: Workflow, definition: Definition, agents: Mapping[str, Agent]) -> Found:
    policy = definition.plain.get("policy", {})
    if "bundles" in policy:
        active = bundles.active_for(workflow.domain_id)
        digest = active[0].digest if active else ""
        if not any(pin.endswith(f"@sha256:{digest}") for pin in policy["bundles"]):
            yield ("policy", "bundles"), _("Another bundle of policies is active.")
    for alias, agent in agents.items():
        if agent.environment != policy.get("environment", agent.environment):
            detail = _("Agent %(alias)s works in another environment.") % {"alias": alias}
            yield ("agents", alias), detail


def _scopes(definition: Definition, agents: Mapping[str, Agent]) -> Found:
    wanted = {alias: one["scopes"] for alias, one in _aliases(definition) if "scopes" in one}
    if not wanted:
        return
    for alias in wanted.keys() & agents.keys():
        held = scopes.held_by(agents[alias].pk)
        missing = [scope for scope in wanted[alias] if not covers(held, scope)]
        if missing:
            detail = _("Agent %(alias)s was not granted %(scopes)s.")
            words = {"alias": alias, "scopes": ", ".join(missing)}
            yield ("agents", alias, "scopes"), detail % words


def _undo_gates(workflow: Workflow, plans: Sequence[StepPlan]) -> Found:
    """Say of a gate for an undo that policy would deny what it agrees to."""
    for step in plans:
        is_gated = bool(step.guard.undo_gate)
        if is_gated and not bundles.may_permit(domain=workflow.domain, action=undo.SLUG):
            detail = _("Step %(step)s: no policy permits %(action)s, so nothing could be undone.")
            yield ("steps",), detail % {"step": step.id, "action": undo.SLUG}
        yield from _undo_gates(workflow, step.steps)


def _aliases(definition: Definition) -> list[tuple[str, Mapping[str, Any]]]:
    return list(definition.plain["agents"].items())


def _effects(step: StepPlan) -> Found:
    guard = step.guard
    if guard.tool:
        try:
            found = adapter_for(guard.tool).effect_class
        except FactUnavailableError as error:
            yield ("steps",), _("Step %(step)s: %(why)s.") % {"step": step.id, "why": error}
        else:
            if found != guard.effect_class:
                detail = _("Step %(step)s: the effect of %(tool)s is of class %(class)s.")
                words = {"step": step.id, "tool": guard.tool, "class": found}
                yield ("steps",), detail % words
    for inner in step.steps:
        yield from _effects(inner)
