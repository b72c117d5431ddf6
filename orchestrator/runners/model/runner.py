"""The runner `openai`: a model that answers, or calls tools one action at a time."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.canonical import canonical_bytes
from orchestrator.patterns.children import misfit
from orchestrator.runners.base import (
    AgentFailedError,
    AgentRequest,
    AgentResult,
    Heartbeat,
    OfferedTool,
    Proposal,
)
from orchestrator.runners.model import endpoint, prompt
from orchestrator.runners.model.config import Config, read_config
from orchestrator.runners.model.dialogue import Dialogue, ToolCall, kept
from orchestrator.runners.model.speaking import (
    CUT_SHORT,
    REFUSED,
    SPEECHES,
    Heard,
    Speech,
    read_json,
)
from orchestrator.workflow.plain_json import refuse_unstorable

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")
RATIONALE = 4000
INVALID = "invalid_answer"


class ModelRunner:
    """Asks an OpenAI-compatible endpoint. Its tools are proxies that propose, never execute."""

    name = "openai"
    version = "1"

    def run(self, request: AgentRequest, heartbeat: Heartbeat) -> AgentResult:
        """Take one turn: propose the next call of the model's last message, or ask the model."""
        turn = _turn(request)
        dialogue = turn.dialogue
        if call := dialogue.next_call:
            return _proposal(dialogue, call, "")
        if dialogue.calls:
            said = zip(dialogue.calls, dialogue.answers, strict=True)
            dialogue.heard([turn.speech.result(call, answer) for call, answer in said])
        heard = turn.ask(heartbeat)
        try:
            return turn.result(heard)
        except AgentFailedError as error:
            error.usage = heard.usage
            raise


@dataclass(frozen=True, slots=True)
class _Turn:
    """One turn of a model. `schema` is of the answer that is wanted, if one is."""

    request: AgentRequest
    config: Config
    speech: Speech
    schema: Mapping[str, Any] | None
    dialogue: Dialogue

    def ask(self, heartbeat: Heartbeat) -> Heard:
        """Ask the model; with no call left to it, it is offered no tools."""
        request, dialogue = self.request, self.dialogue
        left = dialogue.called < self.config.max_tool_calls
        tools = _named(request.tools) if left else {}
        if request.conversation is not None and (new := prompt.again(request)):
            dialogue.messages.append(self.speech.message("user", new))
        body = self.speech.body(self.config, dialogue.messages, tools, self.schema)
        content = endpoint.ask(
            self.config,
            self.speech.path,
            affordable(body, self.speech.most_output, request.room),
            key=request.idempotency_key,
            seconds=request.deadline.total_seconds(),
            heartbeat=heartbeat,
        )
        return self.speech.heard(read_json(content))

    def result(self, heard: Heard) -> AgentResult:
        """Return what the answer comes to; raises AgentFailedError for one of no use."""
        if heard.stopped in CUT_SHORT:
            detail = "The model stopped before the end of its answer; allow it more tokens."
            raise AgentFailedError("truncated_answer", detail, retryable=True)
        if heard.stopped in REFUSED:
            detail = "The model refused to answer."
            raise AgentFailedError("model_refused", detail, retryable=True)
        if heard.calls:
            calls = self._calls(heard)
            self.dialogue.ask(calls, heard.said)
            return _proposal(self.dialogue, calls[0], heard.text, heard.usage)
        return AgentResult(output=self._output(heard.text), usage=heard.usage)

    def _calls(self, heard: Heard) -> list[ToolCall]:
        """Return the calls: of offered tools, with arguments that fit and ids of their own."""
        most = self.config.max_tool_calls
        if self.dialogue.called + len(heard.calls) > most:
            raise _invalid(f"At most {most} tool calls are allowed; answer without another")
        tools, calls = _named(self.request.tools), dict[str, ToolCall]()
        for id, name, text in heard.calls:
            if not id or id in calls:
                raise _invalid(f"The id {id[:80]!r} of a tool call is not its own")
            if name not in tools:
                raise _invalid(f"No tool {name[:80]!r} is offered")
            calls[id] = ToolCall(id, tools[name].slug, _arguments(tools[name], text))
        return list(calls.values())

    def _output(self, text: str) -> Mapping[str, Any]:
        if self.schema is None:
            return {"text": text}
        try:
            output = json.loads(text)
            refuse_unstorable(output)
        except (ValueError, RecursionError):
            output = None
        if not isinstance(output, dict):
            detail = "Answer with one JSON object and nothing around it."
            raise AgentFailedError(INVALID, detail, retryable=True)
        if "answer" not in self.request.task and (fault := misfit(output, self.schema, INVALID)):
            raise AgentFailedError(fault.code, fault.detail, retryable=True)
        return output


def affordable(
    body: Mapping[str, Any], most_output: str, room: Callable[[int], int] | None
) -> Mapping[str, Any]:
    """Return the request, its answer bounded so that the call costs no more than is held.

    A token stands for at least one byte of UTF-8 (byte-level BPE: Radford et al., Language Models
    are Unsupervised Multitask Learners, 2019, 2.2; SentencePiece with byte fallback likewise), and
    the JSON around each message is longer than what a model's template puts there. So the bytes
    of the request are never fewer than its tokens. Raises AgentFailedError where nothing is left
    for an answer, before anything is sent.
    """
    if room is None:
        return body
    most = len(canonical_bytes(dict(body)))
    left = room(most)
    if left < 1:
        detail = (
            f"The question may be {most:,} tokens long, and what the step holds of its budget"
            " leaves nothing for an answer; give the step a larger `budget`."
        )
        raise AgentFailedError("budget_too_small", detail, retryable=True)
    return {**body, most_output: min(body[most_output], left)}


def _turn(request: AgentRequest) -> _Turn:
    config = read_config(request.config)
    speech, schema = SPEECHES[config.api], request.task.get("answer", config.answer)
    if request.conversation is not None:
        return _Turn(request, config, speech, schema, kept(request, request.conversation))
    first = [
        speech.message("system", prompt.system(config.instructions)),
        speech.message("user", prompt.opening(request, schema)),
    ]
    return _Turn(request, config, speech, schema, Dialogue(first))


def _proposal(
    dialogue: Dialogue, call: ToolCall, text: str, usage: Mapping[str, Any] | None = None
) -> AgentResult:
    proposal = Proposal(call.tool, call.arguments, rationale=text[:RATIONALE])
    return AgentResult(proposals=[proposal], usage=usage or {}, conversation=dialogue.as_json())


def _arguments(tool: OfferedTool, text: str) -> Mapping[str, Any]:
    try:
        arguments = json.loads(text or "{}")
        refuse_unstorable(arguments)
    except (ValueError, RecursionError):
        raise _invalid(f"The arguments of {tool.slug} are not JSON") from None
    if fault := misfit(arguments, tool.schema):
        raise _invalid(f"The arguments of {tool.slug} do not fit: {fault.detail}")
    found: Mapping[str, Any] = arguments
    return found


def _named(tools: Sequence[OfferedTool]) -> dict[str, OfferedTool]:
    """Return the tools by the names that the model calls them; those allow no dots."""
    named: dict[str, OfferedTool] = {}
    for tool in tools:
        name = _NOT_IN_NAMES.sub("_", tool.slug)
        while name in named:
            name += "_"
        named[name] = tool
    return named


def _invalid(why: str) -> AgentFailedError:
    return AgentFailedError("invalid_tool_call", f"{why}.", retryable=True)
