"""What people type becomes what a workflow's input schema asks for."""

import json
from collections.abc import Mapping
from typing import Any

_PARSED = frozenset({"integer", "number", "boolean", "array", "object", "null"})


def from_text(schema: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return typed inputs for texts of a command line or a form; the schema still judges them.

    Text stays text where the schema takes text; elsewhere it is read as JSON, and what is no JSON
    stays text, so that the schema can say what is wrong with it.
    """
    properties = schema.get("properties", {})
    return {name: _typed(properties.get(name), text) for name, text in texts.items()}


def paths_in(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the inputs that the schema says are paths (`format: path`)."""
    return frozenset(name for name, wanted in _properties(schema).items() if _is_path(wanted))


def places(schema: Mapping[str, Any], inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a run's inputs give as paths, one by one or in lists of them."""
    found = [str(inputs[name]) for name in sorted(paths_in(schema) & inputs.keys())]
    for name, wanted in sorted(_properties(schema).items()):
        listed = inputs.get(name)
        if isinstance(wanted, Mapping) and _is_path(wanted.get("items")) and listed:
            found += map(str, listed)
    return tuple(found)


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    return properties


def _is_path(wanted: Any) -> bool:
    return isinstance(wanted, Mapping) and wanted.get("format") == "path"


def _typed(wanted: Any, text: str) -> Any:
    kinds = wanted.get("type", "string") if isinstance(wanted, Mapping) else "string"
    names = {kinds} if isinstance(kinds, str) else set(kinds)
    if "string" in names or not names & _PARSED:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
