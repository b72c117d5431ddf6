"""How an agent that is a model is configured, and what is wrong with a configuration."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from orchestrator.runners import credentials, hosts
from orchestrator.runners.base import MOST_REFUSALS, REFUSALS, AgentFailedError
from orchestrator.runners.settled import misfits

# What a model may say in one answer where its configuration says nothing of it.
MOST_OUTPUT_TOKENS = 4096
_TOOLS = {
    "type": "array",
    "maxItems": 64,
    "uniqueItems": True,
    "items": {"type": "string", "minLength": 1, "maxLength": 64},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["base_url", "model", "instructions"],
    "properties": {
        "base_url": {"type": "string"},
        "model": {"type": "string", "minLength": 1, "maxLength": 120},
        "instructions": {"type": "string", "minLength": 1, "maxLength": 20_000},
        "api": {"enum": ["chat", "responses"]},
        "api_key": {"type": "string"},
        "tools": _TOOLS,
        "max_tool_calls": {"type": "integer", "minimum": 1, "maximum": 50},
        "max_refusals": {"type": "integer", "minimum": 1, "maximum": MOST_REFUSALS},
        "max_output_tokens": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "answer": {"type": "object"},
        "answer_format": {"enum": ["json_schema", "json_object", "text"]},
    },
}
_validator = jsonschema_rs.Draft202012Validator(SCHEMA)


@dataclass(frozen=True, slots=True)
class Config:
    """What an agent's `runner_config` says.

    `api_key` is the name of a secret, never one. `max_refusals` is counted by the engine.
    `answer` is the JSON Schema of the agent's output where no pattern asks for one;
    `answer_format` is how the endpoint is told of it.
    """

    base_url: str
    model: str
    instructions: str
    api: str = "chat"
    api_key: str = ""
    tools: list[str] = field(default_factory=list)
    max_tool_calls: int = 10
    max_refusals: int = REFUSALS
    max_output_tokens: int = MOST_OUTPUT_TOKENS
    temperature: float | None = None
    answer: Mapping[str, Any] | None = None
    answer_format: str = "json_schema"


def faults_of(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield everything that is wrong, as JSON pointer and remedy."""
    if found := list(misfits(_validator, config)):
        yield from found
        return
    if fault := hosts.fault_of(config["base_url"], loopback=True):
        yield "/base_url", fault
    elif "api_key" in config and (
        fault := credentials.fault_of(config["api_key"], config["base_url"])
    ):
        yield "/api_key", fault
    if "answer" in config and not jsonschema_rs.meta.is_valid(config["answer"]):
        yield "/answer", "It is not a valid JSON Schema."


def read_config(config: Mapping[str, Any]) -> Config:
    """Return the configuration; raises AgentFailedError naming the first thing wrong with it."""
    for pointer, detail in faults_of(config):
        why = f"The agent's configuration: {pointer} {detail}"
        raise AgentFailedError("runner_config", why, retryable=False)
    return Config(**config)
