"""What an agent leaves to itself between its turns: kept on the step, with what came since."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from audit.canonical import digest
from audit.types import Actor
from governance.models import Action
from orchestrator.models import Step
from orchestrator.runners import supply
from orchestrator.runners.base import MOST_REFUSALS, REFUSALS
from orchestrator.services import steps
from orchestrator.services.history import ENGINE, tell_step
from orchestrator.services.step_rows import agent_of
from orchestrator.workflow.plain_json import as_stored

_NEW_TURN: Mapping[str, Any] = {"held_output": {}, "attempts": 0, "crash_count": 0}


def key_of(step: Step, task: Mapping[str, Any]) -> str:
    """Return what every attempt of one turn has in common, and no other turn of its step.

    Whoever keeps to it may answer the same key with the same answer, and propose that again.
    """
    since = [step.conversation.get("kept"), step.conversation.get("outcome")]
    since += [step.conversation.get("refusal"), task.get("error"), step.human_retries]
    turn = f"/{digest(since)[:16]}" if any(since) else ""
    return f"{step.run_id}/{step.path}#{step.iteration}{turn}"


def keep(step: Step, conversation: Mapping[str, Any] | None) -> None:
    """Keep it for the agent's next turn, instead of what was kept before.

    How many of its calls were refused is counted until it gives its answer.
    """
    kept: dict[str, Any] = {}
    if conversation is not None:
        kept = {"kept": as_stored(dict(conversation)), "refused": _refused(step)}
    if kept != step.conversation:
        _write(step, kept)


def forget_answer(step: Step) -> None:
    """Forget an answer that was of no use, so that another attempt asks for another."""
    if "answer" in step.conversation:
        _write(step, {key: part for key, part in step.conversation.items() if key != "answer"})


def is_read_by_agent(step: Step, action: Action) -> bool:
    """Whether the agent goes on with what this action of its step comes to."""
    return "kept" in step.conversation and action.tool_id != supply.SLUG


def refuse(step: Step, code: str, detail: str, action: Action | None = None) -> None:
    """Tell an agent that goes on that its call was refused; joins the caller's transaction.

    It may go on within its limits. The last of `max_refusals` in one step is left to people
    instead, who may let the agent read it and try as often again.
    """
    refused, most = _refused(step) + 1, _most_refusals(step)
    proposed = "" if action is None else str(action.pk)
    tell_step(step, "step.call_refused", ENGINE, code=code, detail=detail, action=proposed)
    told = {**step.conversation, "refusal": {"code": code, "detail": detail}}
    if refused < most:
        changes = {"conversation": {**told, "refused": refused}, **_NEW_TURN}
        steps.queue_again(step, ENGINE, "step.ready", changes)
        return
    words = {"count": refused, "detail": detail}
    why = _("%(count)d calls of the agent were refused, the last one so: %(detail)s") % words
    afresh = {**told, "refused": 0}
    steps.escalate(step, "too_many_refusals", why, action=None, conversation=afresh)


def turn_again(step: Step, outcome: Mapping[str, Any]) -> None:
    """Queue another turn of an agent whose action is done, and ring for it."""
    told = {**step.conversation, "outcome": as_stored(dict(outcome))}
    changes = {"conversation": told, **_NEW_TURN}
    done = str(step.action_id)
    steps.queue_again(step, ENGINE, "step.ready", changes, action_done=done)


def answered(step: Step, answer: Mapping[str, Any]) -> None:
    """Queue the turn that reads an answer from outside. It is no new phase: tries still count."""
    told = {**step.conversation, "answer": as_stored(dict(answer))}
    changes = {"conversation": told, "not_before": None}
    steps.queue_again(step, Actor.agent(step.agent_id), "step.answered", changes)


def _refused(step: Step) -> int:
    return int(step.conversation.get("refused", 0))


def _most_refusals(step: Step) -> int:
    """Return how many refusals are too many: no runner's configuration lifts the bound."""
    most = agent_of(step).runner_config.get("max_refusals")
    return min(max(most, 1), MOST_REFUSALS) if type(most) is int else REFUSALS


def _write(step: Step, conversation: Mapping[str, Any]) -> None:
    Step.objects.filter(pk=step.pk, epoch=step.epoch).update(conversation=dict(conversation))
    step.conversation = dict(conversation)
