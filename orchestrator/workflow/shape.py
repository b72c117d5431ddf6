"""The shape of a workflow file, by JSON Schema 2020-12."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from orchestrator.workflow.problems import Problem
from orchestrator.workflow.source import Place, Source

SCHEMA_FILE = Path(__file__).with_name("schema.json")
_LONGEST_MESSAGE = 300


@cache
def schema() -> Mapping[str, Any]:
    """Return the published JSON Schema of the file."""
    loaded: Mapping[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


def known_topologies() -> frozenset[str]:
    """Return the names of the topologies that a file may name."""
    named = schema()["properties"]["topology"]["else"]["enum"]
    return frozenset({*named, *schema()["$defs"]["topology"]["properties"]})


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(dict(schema()), offline=True)


def problems_of_shape(source: Source) -> list[Problem]:
    """Return everything the schema finds wrong, each at the line it is about."""
    if not isinstance(source.value, dict):
        return [source.problem((), "a workflow file is a mapping of keys to values")]
    return sorted({p for e in _validator().iter_errors(source.value) for p in _said(source, e)})


def input_validator(inputs: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Return the validator of a workflow's `inputs`; raises ValueError when it is no schema.

    It never fetches a remote schema, and patterns run in linear time.
    """
    try:
        return jsonschema_rs.Draft202012Validator(
            dict(inputs), offline=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise ValueError(shortened(error.message)) from None


def shortened(message: str) -> str:
    """Return a validator's message without a value so long that it hides the point."""
    if len(message) <= _LONGEST_MESSAGE:
        return message
    return f"{message[:120]} ... {message[-120:]}"


def _said(source: Source, error: jsonschema_rs.ValidationError) -> Iterator[Problem]:
    place: Place = tuple(error.instance_path)
    match error.kind:
        case jsonschema_rs.ValidationErrorKind.AdditionalProperties(unexpected):
            for key in unexpected:
                yield source.problem((*place, key), f"unknown key {key!r}{_inside(place)}")
        case jsonschema_rs.ValidationErrorKind.Required(property):
            yield source.problem(place, f"{property!r} is missing{_inside(place)}")
        case jsonschema_rs.ValidationErrorKind.AnyOf(
            context
        ) | jsonschema_rs.ValidationErrorKind.OneOfNotValid(context) if nearest := _nearest(
            context, len(place)
        ):
            for inner in nearest:
                yield from _said(source, inner)
        case _:
            said = f"{_named(place)}{shortened(error.message)}{_meant(error)}"
            yield source.problem(place, said)


def _nearest(
    choices: Sequence[Sequence[jsonschema_rs.ValidationError]], depth: int
) -> Sequence[jsonschema_rs.ValidationError]:
    """Return what is wrong with the only choice that has the right type, if there is one."""
    near = [found for found in choices if not any(_is_other(e, depth) for e in found)]
    return near[0] if len(near) == 1 else ()


def _is_other(error: jsonschema_rs.ValidationError, depth: int) -> bool:
    """Whether the value at this depth is of another kind altogether."""
    last = list(error.schema_path)[-1]
    return len(error.instance_path) <= depth and last in {"type", "const", "enum"}


def _meant(error: jsonschema_rs.ValidationError) -> str:
    """Return what a field of the file is for, where a pattern or a list of words refused it."""
    part: Any = schema()
    for name in list(error.schema_path)[:-1]:
        if name != "$ref":
            part = part[int(name) if isinstance(part, list) else name]
        if isinstance(part, Mapping) and "$ref" in part:
            reference = part["$ref"].rpartition("/")[2]
            part = {**schema()["$defs"][reference], **part}
    is_choice = list(error.schema_path)[-1] in {"pattern", "enum", "const"}
    words = part.get("description", "") if is_choice else ""
    return f" ({words.rstrip('.')})" if words else ""


def _inside(place: Place) -> str:
    return f" in {_dotted(place)}" if place else ""


def _named(place: Place) -> str:
    return f"{_dotted(place)}: " if place else ""


def _dotted(place: Place) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return ascii(text.removeprefix("."))[1:-1]
