"""What an agent leaves to itself between its turns: kept on the step, with what came since."""

from collections.abc import Mapping
from typing import Any

from audit.canonical import digest
from audit.types import Actor
from orchestrator.models import Step
from orchestrator.services import steps
from orchestrator.services.history import ENGINE
from orchestrator.workflow.plain_json import as_stored


def key_of(step: Step, task: Mapping[str, Any]) -> str:
    """Return what every attempt of one turn has in common, and no other turn of its step.

    Whoever keeps to it may answer the same key with the same answer, and propose that again.
    """
    since = [step.conversation.get("kept"), step.conversation.get("outcome")]
    since += [task.get("error"), step.human_retries]
    turn = f"/{digest(since)[:16]}" if any(since) else ""
    return f"{step.run_id}/{step.path}#{step.iteration}{turn}"


def keep(step: Step, conversation: Mapping[str, Any] | None) -> None:
    """Keep it for the agent's next turn, instead of what was kept before."""
    kept = {} if conversation is None else {"kept": as_stored(dict(conversation))}
    if kept != step.conversation:
        _write(step, kept)


def forget_answer(step: Step) -> None:
    """Forget an answer that was of no use, so that another attempt asks for another."""
    if "answer" in step.conversation:
        _write(step, {key: part for key, part in step.conversation.items() if key != "answer"})


def turn_again(step: Step, outcome: Mapping[str, Any]) -> None:
    """Queue another turn of an agent whose action is done, and ring for it."""
    told = {**step.conversation, "outcome": as_stored(dict(outcome))}
    changes = {"held_output": {}, "conversation": told, "attempts": 0, "crash_count": 0}
    done = str(step.action_id)
    steps.queue_again(step, ENGINE, "step.ready", changes, action_done=done)


def answered(step: Step, answer: Mapping[str, Any]) -> None:
    """Queue the turn that reads an answer from outside. It is no new phase: tries still count."""
    told = {**step.conversation, "answer": as_stored(dict(answer))}
    changes = {"conversation": told, "not_before": None}
    steps.queue_again(step, Actor.agent(step.agent_id), "step.answered", changes)


def _write(step: Step, conversation: Mapping[str, Any]) -> None:
    Step.objects.filter(pk=step.pk, epoch=step.epoch).update(conversation=dict(conversation))
    step.conversation = dict(conversation)
