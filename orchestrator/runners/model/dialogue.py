"""A conversation with a model as a step keeps it between turns: plain JSON, and nothing else.

A model may call several tools in one message. They are proposed one after another, each an
action of its own, and the model is asked again once all of them have answered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audit.canonical import canonical_bytes
from orchestrator.runners.base import AgentFailedError, AgentRequest

MOST_BYTES = 2_000_000
Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call that the model asked for, checked: the tool is offered and the arguments fit."""

    id: str
    tool: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class Dialogue:
    """What was said so far, and the calls of the last message with the answers they have."""

    messages: list[Message] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    answers: list[Mapping[str, Any]] = field(default_factory=list)
    called: int = 0

    @property
    def next_call(self) -> ToolCall | None:
        """Return the first call that has no answer yet."""
        return next(iter(self.calls[len(self.answers) :]), None)

    def ids(self) -> set[str]:
        """Return the ids of the calls that are waited for."""
        return {call.id for call in self.calls}

    def ask(self, calls: Sequence[ToolCall], said: Sequence[Message]) -> None:
        """Take over a message of the model that calls tools."""
        self.messages += said
        self.calls, self.answers = list(calls), []
        self.called += len(calls)

    def heard(self, tell: Sequence[Message]) -> None:
        """Take over the answers of all calls, as messages."""
        self.messages += tell
        self.calls, self.answers = [], []

    def as_json(self) -> dict[str, Any]:
        """Return what the step keeps; raises AgentFailedError when that is too much."""
        kept = {
            "messages": self.messages,
            "calls": [[call.id, call.tool, call.arguments] for call in self.calls],
            "answers": self.answers,
            "called": self.called,
        }
        if len(canonical_bytes(kept)) > MOST_BYTES:
            detail = f"The conversation has grown beyond {MOST_BYTES:,} bytes."
            raise AgentFailedError("conversation_too_long", detail, retryable=False)
        return kept


def kept(request: AgentRequest, conversation: Mapping[str, Any]) -> Dialogue:
    """Return the conversation that a step kept, with what its last call came to.

    What a tool said is data from outside; that a call was refused, and why, is our own word,
    unless it was refused because of what the tool said.
    """
    calls = [ToolCall(*call) for call in conversation["calls"]]
    answers = list(conversation["answers"])
    if request.refusal is not None:
        is_ours = request.refusal["code"] != "fact_unavailable"
        trust = "workflow" if is_ours else "external"
        answers.append({"trust": trust, "refused": request.refusal})
    elif request.outcome is not None:
        answers.append({"trust": "external", "result": request.outcome})
    return Dialogue(list(conversation["messages"]), calls, answers, conversation["called"])
