"""How a turn of the script looks on the wire: chat completions, their chunks, and responses."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.demo.scripted.script import Turn

Json = dict[str, Any]


def chat(turn: Turn, model: str, ids: Sequence[str]) -> Json:
    """Return a chat completion; `ids` are those of the tool calls, then of the answer."""
    message: Json = {"role": "assistant", "content": turn.text or None}
    if turn.calls:
        message["tool_calls"] = _chat_calls(turn, ids)
    choice = {"index": 0, "message": message, "finish_reason": _finish(turn), "logprobs": None}
    return {**_head("chat.completion", model, ids), "choices": [choice], "usage": _usage(turn)}


def chunks(turn: Turn, model: str, ids: Sequence[str], *, usage: bool) -> Iterator[str]:
    """Yield the events of a streamed chat completion; its usage comes in a chunk of its own."""
    head = _head("chat.completion.chunk", model, ids)
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in turn.text.splitlines(keepends=True)]
    deltas += [
        {"tool_calls": [{"index": place, **call}]}
        for place, call in enumerate(_chat_calls(turn, ids))
    ]
    for delta in deltas:
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    end = {"index": 0, "delta": {}, "finish_reason": _finish(turn)}
    yield _event({**head, "choices": [end]})
    if usage:
        yield _event({**head, "choices": [], "usage": _usage(turn)})
    yield "data: [DONE]\n\n"


def response(turn: Turn, model: str, ids: Sequence[str]) -> Json:
    """Return an answer of the responses API."""
    output: list[Json] = [
        {
            "type": "function_call",
            "id": f"fc_{id}",
            "call_id": id,
            "name": call.name,
            "arguments": call.arguments,
            "status": "completed",
        }
        for id, call in zip(ids, turn.calls, strict=False)
    ]
    if turn.text or not output:
        content = [{"type": "output_text", "text": turn.text, "annotations": []}]
        message = {"type": "message", "id": f"msg_{ids[-1]}", "role": "assistant"}
        output.append({**message, "status": "completed", "content": content})
    used = _usage(turn)
    return {
        "id": ids[-1],
        "object": "response",
        "created_at": 0,
        "model": model,
        "status": "incomplete" if turn.finish == "length" else "completed",
        "output": output,
        "usage": {
            "input_tokens": used["prompt_tokens"],
            "output_tokens": used["completion_tokens"],
            "total_tokens": used["total_tokens"],
        },
    }


def last_message(body: Mapping[str, Any]) -> str:
    """Return the text of the last message in a request of either API."""
    said = body.get("messages", body.get("input", ""))
    if isinstance(said, str) or not said:
        return str(said)
    last = said[-1]
    content = last.get("content", last.get("output", "")) if isinstance(last, dict) else last
    return content if isinstance(content, str) else json.dumps(content)


def _chat_calls(turn: Turn, ids: Sequence[str]) -> list[Json]:
    return [
        {
            "id": id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for id, call in zip(ids, turn.calls, strict=False)
    ]


def _finish(turn: Turn) -> str:
    return turn.finish or ("tool_calls" if turn.calls else "stop")


def _usage(turn: Turn) -> Json:
    given, made = turn.usage.get("input", 0), turn.usage.get("output", 0)
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


def _head(kind: str, model: str, ids: Sequence[str]) -> Json:
    return {"id": ids[-1], "object": kind, "created": 0, "model": model}


def _event(chunk: Json) -> str:
    return f"data: {json.dumps(chunk)}\n\n"
