"""How a server of tools is reached, and which of its tools may be used: a file on the machine.

servers:
files:
command: [python, servers/files.py]   # or url: https://tools.example.com/mcp
env: {MODE: strict}
token: FILES_TOKEN                    # the name of a secret; with url, sent as the bearer's
timeout_seconds: 30
tools:
read_file: {risk: low, reversibility: read_only, effect_class: natural}
delete_file: {risk: high}           # irreversible, and never sent twice
"""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from governance.models import EffectClass, Reversibility, Risk
from orchestrator.runners import credentials, hosts
from orchestrator.runners.settled import ENVIRONMENT, PROGRAM, misfits

_TOOL = {
    "type": "object",
    "additionalProperties": False,
    "required": ["risk"],
    "properties": {
        "risk": {"enum": Risk.values},
        # Of what a server does nobody but its author knows an undo, so none is promised.
        "reversibility": {"enum": [Reversibility.READ_ONLY, Reversibility.IRREVERSIBLE]},
        "effect_class": {
            "enum": [EffectClass.NONE, EffectClass.NATURAL, EffectClass.IDEMPOTENT_KEY]
        },
    },
}
_SERVER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["tools"],
    "oneOf": [{"required": ["command"]}, {"required": ["url"]}],
    "properties": {
        "command": PROGRAM,
        "env": ENVIRONMENT,
        "url": {"type": "string"},
        "token": {"type": "string"},
        "timeout_seconds": {"type": "integer", "minimum": 1, "maximum": 600},
        "memory_mb": {"type": "integer", "minimum": 64},
        "tools": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 64,
            "propertyNames": {"pattern": "^[A-Za-z0-9_.-]{1,32}$"},
            "additionalProperties": _TOOL,
        },
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["servers"],
    "properties": {
        "servers": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 32,
            "propertyNames": {"pattern": "^[a-z][a-z0-9-]{0,23}$"},
            "additionalProperties": _SERVER,
        },
    },
}
_validator = jsonschema_rs.Draft202012Validator(SCHEMA)


def faults_of(document: Any) -> Iterator[tuple[str, str]]:
    """Yield everything that is wrong with a file, as JSON pointer and remedy."""
    if found := list(misfits(_validator, document)):
        yield from found
        return
    for name, server in document["servers"].items():
        for key, fault in _faults(server):
            yield f"/servers/{name}/{key}", fault


def _faults(server: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "url" in server and (fault := hosts.fault_of(server["url"])):
        yield "url", fault
    elif "token" in server and (fault := _token_fault(server)):
        yield "token", fault


def _token_fault(server: Mapping[str, Any]) -> str:
    if "url" not in server:
        return "A token is for a server with a url; a program is started without secrets."
    return credentials.fault_of(server["token"], server["url"])
