"""What an agent leaves to itself between its turns: kept on the step, with what came since."""

from collections.abc import Mapping
from typing import Any

from orchestrator.models import Step
from orchestrator.services import steps
from orchestrator.services.history import ENGINE
from orchestrator.workflow.plain_json import as_stored


def keep(step: Step, conversation: Mapping[str, Any]) -> None:
    """Keep it for the turn after the action that is proposed with it; empty, forget it."""
    kept = {"kept": as_stored(dict(conversation))} if conversation else {}
    Step.objects.filter(pk=step.pk, epoch=step.epoch).update(conversation=kept)
    step.conversation = kept


def turn_again(step: Step, outcome: Mapping[str, Any]) -> None:
    """Queue another turn of an agent whose action is done, and ring for it."""
    changes = {
        "action": None,
        "held_output": {},
        "conversation": {**step.conversation, "outcome": as_stored(dict(outcome))},
        "lease_owner": "",
        "lease_expires_at": None,
    }
    steps.take_up(step, ENGINE, "step.ready", changes=changes, action_done=str(step.action_id))
    step.action = None
    steps.ring(step)
