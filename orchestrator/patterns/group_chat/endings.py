"""How a chat ends, and what it hands to the steps after it: decision, proposal, tally, thread."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.patterns.base import Finish, Note
from orchestrator.patterns.group_chat.chat import Chat


def agreed(chat: Chat, winner: str, tally: Mapping[str, Any], notes: Sequence[Note]) -> Finish:
    """End with the proposal that won. Its actions still go through policy one by one."""
    output = _output(chat, "consensus", tally) | {"proposal": chat.proposals[winner]}
    return Finish("succeeded", output=output, notes=notes)


def fulfilled(chat: Chat, notes: Sequence[Note]) -> Finish:
    """End because the file's predicate holds; no proposal was voted for."""
    return Finish("succeeded", output=_output(chat, "predicate", {}), notes=notes)


def escalated(
    chat: Chat,
    code: str,
    detail: str,
    *,
    tally: Mapping[str, Any] | None = None,
    notes: Sequence[Note] = (),
) -> Finish:
    """Hand the chat to a person, with everything said and counted so far."""
    output = _output(chat, "none", tally or {})
    return Finish("escalated", error_code=code, detail=detail, output=output, notes=notes)


def _output(chat: Chat, decision: str, tally: Mapping[str, Any]) -> dict[str, Any]:
    thread = chat.thread()
    return {"decision": decision, "proposal": None, "tally": dict(tally), "thread": thread}
