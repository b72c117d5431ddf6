"""The shape of a workflow file, by JSON Schema 2020-12."""

import json
from collections.abc import Iterator, Mapping
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
        case _:
            yield source.problem(place, f"{_named(place)}{shortened(error.message)}")


def _inside(place: Place) -> str:
    return f" in {_dotted(place)}" if place else ""


def _named(place: Place) -> str:
    return f"{_dotted(place)}: " if place else ""


def _dotted(place: Place) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return ascii(text.removeprefix("."))[1:-1]
