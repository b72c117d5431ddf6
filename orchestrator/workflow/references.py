"""How much a schema of inputs grows when its `$ref`s are followed.

Two references to two references, and so on, make a validator do a million things for a page of
text. So references lead to places of the same schema, never round, and what they add up to is
counted before the schema is used.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.workflow.pointers import unescaped
from orchestrator.workflow.source import Place

MOST_CHARACTERS = 32 * 1024
MOST_REFERENCES = 50
MOST_IN_A_ROW = 8
MOST_VALUES = 2_000
# They move what a `$ref` means, or resolve only while validating.
REFUSED = ("$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$recursiveAnchor")


class EntangledError(Exception):
    """A schema's references may not be followed; says where and why."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place


def check(schema: Mapping[str, Any]) -> None:
    """Raise EntangledError for a schema that is too large or too entangled."""
    if len(json.dumps(schema)) > MOST_CHARACTERS:
        raise EntangledError((), f"larger than {MOST_CHARACTERS // 1024} KiB")
    references = list(_references(schema, ()))
    if len(references) > MOST_REFERENCES:
        place, _target = references[MOST_REFERENCES]
        raise EntangledError(place, f"more than {MOST_REFERENCES} $refs")
    if _Count(schema).values(schema, (), ()) > MOST_VALUES:
        raise EntangledError((), f"more than {MOST_VALUES} values once its $refs are followed")


def _references(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    for name, part in _parts(value):
        here = (*place, name)
        if name in REFUSED:
            raise EntangledError(here, f"{name} is not allowed; use $ref with #/$defs/...")
        if name == "$ref":
            yield here, part
        yield from _references(part, here)


def _parts(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


class _Count:
    """Counts the values of a schema with every reference in place of what it leads to."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema
        self.known: dict[tuple[str, int], int] = {}

    def values(self, value: Any, place: Place, followed: tuple[str, ...]) -> int:
        """Return how many values `value` stands for; `followed` are the references to it."""
        number = 1
        for name, part in _parts(value):
            here = (*place, name)
            if name == "$ref" and isinstance(part, str):
                number += self.behind(part, here, followed)
            else:
                number += self.values(part, here, followed)
        return number

    def behind(self, reference: str, place: Place, followed: tuple[str, ...]) -> int:
        """Return how many values a reference stands for."""
        if reference in followed:
            raise EntangledError(place, f"$ref {reference} leads round to itself")
        if len(followed) >= MOST_IN_A_ROW:
            raise EntangledError(place, f"more than {MOST_IN_A_ROW} $refs in a row")
        target = self.target(reference, place)
        # Known only together with how far it was from the start: that is what is limited.
        key = (reference, len(followed))
        if key not in self.known:
            self.known[key] = self.values(target, place, (*followed, reference))
        return self.known[key]

    def target(self, reference: str, place: Place) -> Any:
        """Return what a reference leads to, inside this schema and nowhere else."""
        root, *names = reference.split("/")
        if root != "#" or "%" in reference:
            raise EntangledError(place, "$ref leads to a place in this schema: #/$defs/...")
        value: Any = self.schema
        for name in names:
            key = unescaped(name)
            found = {str(each): part for each, part in _parts(value)}
            if key not in found:
                raise EntangledError(place, f"$ref {reference} leads nowhere")
            value = found[key]
        return value
