"""The published schema of the workflow file: its skeleton, and each pattern's own fields.

A pattern keeps the fields of its block beside itself (`options.schema.json`). Put together they
are one closed schema: in no place of a file does it take a key that it does not know.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SKELETON = Path(__file__).with_name("skeleton.schema.json")
_PATTERNS = SKELETON.parents[1] / "patterns"
_SEQUENCE: Mapping[str, Any] = {
    "title": "Steps of its own, one after another",
    "required": ["steps"],
    "properties": {"steps": {"$ref": "#/$defs/steps"}},
}
# What every fragment means by these is what the file means by them.
_SHARED = frozenset({"name", "cel"})
# Where a pattern's own fields hold steps of the file; their names are their ids.
_UNNAMED: Mapping[str, Any] = {"allOf": [{"$ref": "#/$defs/node"}, {"properties": {"id": False}}]}
_RULES = ("allOf", "anyOf", "oneOf", "if", "then", "else", "dependentRequired")


def assembled() -> dict[str, Any]:
    """Return the schema as it is published; `manage.py workflow schema` prints it."""
    schema: dict[str, Any] = json.loads(SKELETON.read_text(encoding="utf-8"))
    defs = schema["$defs"]
    common = defs.pop("block")
    blocks = {"sequential": _block("sequential", common, _SEQUENCE)}
    for file in sorted(_PATTERNS.glob("*/options.schema.json")):
        name = file.parent.name
        fragment = _renamed(json.loads(file.read_text(encoding="utf-8")), f"{name}_")
        own = fragment.pop("$defs", {})
        defs |= {f"{name}_{key}": part for key, part in own.items() if key not in _SHARED}
        blocks[name] = _block(name, common, _with_nodes(fragment))
    defs |= {f"{name}_block": block for name, block in blocks.items()}
    defs["node"] = _node(list(blocks))
    return schema


def _block(name: str, common: Mapping[str, Any], fragment: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": fragment["title"],
        "type": "object",
        "additionalProperties": False,
        "required": [*common["required"], *fragment.get("required", ())],
        "properties": {
            **common["properties"],
            **fragment["properties"],
            "pattern": {"const": name},
        },
        **{key: fragment[key] for key in _RULES if key in fragment},
    }


def _with_nodes(fragment: dict[str, Any]) -> dict[str, Any]:
    fields = fragment["properties"]
    if "do" in fields:
        fields["do"] |= _UNNAMED
    if "branches" in fields:
        fields["branches"]["additionalProperties"] = _UNNAMED
    return fragment


def _node(patterns: list[str]) -> dict[str, Any]:
    """Return what a node is: a block as soon as it names a pattern, a step otherwise."""
    return {
        "type": "object",
        "if": {"required": ["pattern"]},
        "then": {
            "properties": {"pattern": {"enum": patterns}},
            "allOf": [_then(name) for name in patterns],
        },
        "else": {"$ref": "#/$defs/step"},
    }


def _then(name: str) -> dict[str, Any]:
    return {
        "if": {"properties": {"pattern": {"const": name}}},
        "then": {"$ref": f"#/$defs/{name}_block"},
    }


def _renamed(value: Any, prefix: str) -> Any:
    """Return a fragment whose own definitions can lie among those of all others."""
    if isinstance(value, Mapping):
        return {
            key: _lying(part, prefix) if key == "$ref" else _renamed(part, prefix)
            for key, part in value.items()
        }
    return [_renamed(part, prefix) for part in value] if isinstance(value, list) else value


def _lying(reference: str, prefix: str) -> str:
    name = reference.removeprefix("#/$defs/")
    return reference if name in _SHARED else f"#/$defs/{prefix}{name}"
