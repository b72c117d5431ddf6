"""Reads what an agent outside answered. Nothing in it is believed before its shape is."""

import json
from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from orchestrator.runners.base import AgentFailedError, AgentResult, FoundExhibit, Proposal
from orchestrator.workflow.plain_json import refuse_unstorable
from orchestrator.workflow.shape import shortened

_TEXT = {"type": "string", "maxLength": 4000}
_NAME = {"type": "string", "minLength": 1, "maxLength": 120}
_CODE = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$"}

ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "output": {"type": "object"},
        "usage": {
            "type": "object",
            "properties": {"model": {"type": "string", "maxLength": 120}},
            "additionalProperties": {"type": "integer", "minimum": 0},
        },
        "conversation": {"type": "object"},
        "exhibits": {
            "type": "array",
            "maxItems": 100,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "kind", "content"],
                "properties": {
                    "name": _NAME,
                    "kind": {"type": "string", "pattern": "^[a-z][a-z0-9_.-]{0,31}$"},
                    "content": {"type": "object"},
                    "subject": {"type": "string", "maxLength": 200},
                },
            },
        },
        "proposals": {
            "type": "array",
            "maxItems": 10,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tool", "arguments"],
                "properties": {
                    "tool": {"type": "string", "minLength": 1, "maxLength": 64},
                    "arguments": {"type": "object"},
                    "rationale": _TEXT,
                },
            },
        },
        "error": {
            "type": "object",
            "additionalProperties": False,
            "required": ["code", "detail"],
            "properties": {"code": _CODE, "detail": _TEXT, "retryable": {"type": "boolean"}},
        },
    },
}
_validator = jsonschema_rs.Draft202012Validator(ANSWER_SCHEMA)


def read_answer(raw: bytes) -> AgentResult:
    """Return the result in an agent's JSON answer; raises AgentFailedError.

    An answer of `{"error": {"code", "detail", "retryable"}}` is the agent saying that it failed.
    """
    return result_of(load(raw))


def result_of(answer: Mapping[str, Any]) -> AgentResult:
    """Return the result in an answer that was loaded; raises AgentFailedError where it says so."""
    if "error" in answer:
        error = answer["error"]
        raise AgentFailedError(
            error["code"], error["detail"], retryable=error.get("retryable", False)
        )
    return AgentResult(
        output=answer.get("output", {}),
        exhibits=[FoundExhibit(**found) for found in answer.get("exhibits", ())],
        proposals=[Proposal(**proposed) for proposed in answer.get("proposals", ())],
        usage=answer.get("usage", {}),
        conversation=answer.get("conversation"),
    )


def load(raw: bytes) -> Mapping[str, Any]:
    """Return an answer of the right shape, not acted upon yet; raises AgentFailedError."""
    try:
        answer: Mapping[str, Any] = json.loads(raw.decode())
        refuse_unstorable(answer)
        _validator.validate(answer)
    except jsonschema_rs.ValidationError as error:
        place = "/".join(str(part) for part in error.instance_path)
        raise _malformed(f"{place or 'the answer'}: {shortened(error.message)}") from None
    except (ValueError, RecursionError) as error:
        raise _malformed(str(error)) from None
    return answer


def _malformed(why: str) -> AgentFailedError:
    detail = f"The agent's answer could not be used: {why[:400]}."
    return AgentFailedError("malformed_output", detail, retryable=False)
