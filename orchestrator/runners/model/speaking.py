"""The two ways of speaking to an OpenAI-compatible endpoint. Pure: what is said, what was heard.

Nothing in an answer is believed before its shape is. What an endpoint reports of its usage is
its claim, and is kept as one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from audit.canonical import canonical_bytes
from orchestrator.runners.base import AgentFailedError, OfferedTool
from orchestrator.runners.model.config import Config
from orchestrator.runners.model.dialogue import Message, ToolCall
from orchestrator.workflow.plain_json import refuse_unstorable

ANSWER = "answer"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a model answered. `calls` are id, name and arguments as text, not checked yet."""

    text: str = ""
    calls: Sequence[tuple[str, str, str]] = ()
    said: Sequence[Message] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)
    stopped: str = ""


class Speech(Protocol):
    """One of the APIs. `most_output` is how a request names the most tokens of an answer."""

    path: str
    most_output: str

    def message(self, role: str, text: str) -> Message:
        """Return a message as the API writes it."""

    def result(self, call: ToolCall, answer: Mapping[str, Any]) -> Message:
        """Return what a call came to, with how far it is to be trusted."""

    def body(
        self,
        config: Config,
        messages: Sequence[Message],
        tools: Mapping[str, OfferedTool],
        schema: Mapping[str, Any] | None,
    ) -> Json:
        """Return the request."""

    def heard(self, answer: Mapping[str, Any]) -> Heard:
        """Read an answer; raises AgentFailedError for one of another shape."""


class Chat:
    """Chat completions."""

    path = "/chat/completions"
    most_output = "max_completion_tokens"

    def message(self, role: str, text: str) -> Message:
        return {"role": role, "content": text}

    def result(self, call: ToolCall, answer: Mapping[str, Any]) -> Message:
        return {"role": "tool", "tool_call_id": call.id, "content": _text_of(answer)}

    def body(
        self,
        config: Config,
        messages: Sequence[Message],
        tools: Mapping[str, OfferedTool],
        schema: Mapping[str, Any] | None,
    ) -> Json:
        body: Json = {"model": config.model, "messages": list(messages), **_sampling(config)}
        body[self.most_output] = config.max_output_tokens
        if tools:
            body["tools"] = [
                {"type": "function", "function": _function(name, tool)}
                for name, tool in tools.items()
            ]
        if schema is not None and config.answer_format == "json_schema":
            wanted = {"name": ANSWER, "schema": dict(schema), "strict": False}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        elif schema is not None and config.answer_format == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    def heard(self, answer: Mapping[str, Any]) -> Heard:
        with _shaped():
            choice = answer["choices"][0]
            message = choice["message"]
            calls = [
                (_text(c["id"]), _text(c["function"]["name"]), _text(c["function"]["arguments"]))
                for c in message.get("tool_calls") or ()
            ]
            text = _text(message.get("content") or "")
            said: Json = {"role": "assistant", "content": text or None}
            if calls:
                said["tool_calls"] = [
                    {"id": id, "type": "function", "function": {"name": name, "arguments": given}}
                    for id, name, given in calls
                ]
            stopped = "refused" if message.get("refusal") else _text(choice["finish_reason"] or "")
            usage = _usage(answer, "prompt_tokens", "completion_tokens", len(calls))
            return Heard(text, calls, [said], usage, stopped)


class Responses:
    """The responses API. Nothing is stored at the endpoint: the conversation is ours."""

    path = "/responses"
    most_output = "max_output_tokens"

    def message(self, role: str, text: str) -> Message:
        return {"role": role, "content": text}

    def result(self, call: ToolCall, answer: Mapping[str, Any]) -> Message:
        output = _text_of(answer)
        return {"type": "function_call_output", "call_id": call.id, "output": output}

    def body(
        self,
        config: Config,
        messages: Sequence[Message],
        tools: Mapping[str, OfferedTool],
        schema: Mapping[str, Any] | None,
    ) -> Json:
        body: Json = {"model": config.model, "input": list(messages), "store": False}
        body.update(_sampling(config))
        body[self.most_output] = config.max_output_tokens
        if tools:
            body["tools"] = [
                {"type": "function", "strict": False, **_function(name, tool)}
                for name, tool in tools.items()
            ]
        if schema is not None and config.answer_format == "json_schema":
            wanted = {"name": ANSWER, "schema": dict(schema), "strict": False}
            body["text"] = {"format": {"type": "json_schema", **wanted}}
        elif schema is not None and config.answer_format == "json_object":
            body["text"] = {"format": {"type": "json_object"}}
        return body

    def heard(self, answer: Mapping[str, Any]) -> Heard:
        with _shaped():
            output = answer["output"]
            parts = [
                part for item in output if item["type"] == "message" for part in item["content"]
            ]
            text = "".join(_text(part["text"]) for part in parts if part["type"] == "output_text")
            calls = [
                (_text(item["call_id"]), _text(item["name"]), _text(item["arguments"]))
                for item in output
                if item["type"] == "function_call"
            ]
            refused = any(part["type"] == "refusal" for part in parts)
            stopped = "refused" if refused else _text(answer.get("status") or "")
            usage = _usage(answer, "input_tokens", "output_tokens", len(calls))
            return Heard(text, calls, [dict(item) for item in output], usage, stopped)


SPEECHES: Mapping[str, Speech] = {"chat": Chat(), "responses": Responses()}
# How an endpoint says that it stopped before the end.
CUT_SHORT = frozenset({"length", "incomplete"})
REFUSED = frozenset({"refused", "content_filter"})


@contextmanager
def _shaped() -> Iterator[None]:
    """Turn whatever a strange answer leads to into one refusal."""
    try:
        yield
    except (LookupError, TypeError, AttributeError):
        detail = "The endpoint's answer has not the shape of its API."
        raise AgentFailedError("malformed_answer", detail, retryable=True) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _text_of(answer: Mapping[str, Any]) -> str:
    return canonical_bytes(dict(answer)).decode()


def _sampling(config: Config) -> Json:
    return {} if config.temperature is None else {"temperature": config.temperature}


def _function(name: str, tool: OfferedTool) -> Json:
    return {"name": name, "description": tool.description, "parameters": dict(tool.schema)}


def _usage(answer: Mapping[str, Any], given: str, made: str, calls: int) -> Json:
    said = answer.get("usage") or {}
    model = answer.get("model")
    return {
        "input_tokens": _count(said.get(given)),
        "output_tokens": _count(said.get(made)),
        "tool_calls": calls,
        "model": model[:120] if isinstance(model, str) else "",
    }


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 2**53 else 0


def read_json(content: bytes) -> Mapping[str, Any]:
    """Return the object in an answer's body; raises AgentFailedError (`malformed_answer`)."""
    try:
        answer = json.loads(content)
        refuse_unstorable(answer)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        return answer
    detail = "The endpoint's answer is not an object in JSON."
    raise AgentFailedError("malformed_answer", detail, retryable=True)
