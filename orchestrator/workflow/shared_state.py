"""Typed state that the steps of a run share: what may be written, and what it adds up to.

An entry is never changed. What a key holds is what its reducer makes of its initial value and
its entries in the order in which they were committed, so that replay comes to the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.canonical import canonical_bytes
from orchestrator.patterns.children import Fault, misfit
from orchestrator.workflow.definition import Definition, StateKey

_NOTHING: Mapping[str, Any] = {
    "append": [],
    "merge": {},
    "sum": 0,
    "set_union": [],
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One write. `author` is who gave it, `trust` what kind of source that is.

    `step` is the place in the run at which it was written.
    """

    key: str
    value: Any
    author: str
    trust: str
    classification: str
    step: str

    def as_json(self) -> dict[str, Any]:
        """Return the entry as agents and events have it."""
        return {
            "value": self.value,
            "author": self.author,
            "trust": self.trust,
            "classification": self.classification,
            "step": self.step,
        }


def reduced(keys: Mapping[str, StateKey], entries: Iterable[Entry]) -> dict[str, Any]:
    """Return what every key holds after these entries; nothing written and no initial is null."""
    written: dict[str, list[Any]] = {name: [] for name in keys}
    for entry in entries:
        written[entry.key].append(entry.value)
    return {name: _REDUCERS[key.reducer](_start(key), written[name]) for name, key in keys.items()}


def written_by(definition: Definition, path: str, output: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the output of the step at `path` writes: its members that the file names."""
    names = definition.step(path).writes
    return {name: output[name] for name in names if name in output}


def misfit_of(key: StateKey, name: str, value: Any) -> Fault | None:
    """Return why a value may not be written under a key; None when it may."""
    for schema in (TYPES.get(key.reducer), key.type):
        if schema is not None and (fault := misfit(value, schema)):
            return Fault("invalid_answer", f"{name}: {fault.detail}")
    return None


def are_rivals(definition: Definition, one: str, other: str) -> bool:
    """Whether two steps stand in different branches of one block, so that none comes first."""
    ours, theirs = one.split("/"), other.split("/")
    pairs = zip(ours, theirs, strict=False)
    shared = next((n for n, (a, b) in enumerate(pairs) if a != b), 0)
    return shared > 0 and definition.line_of(one)[shared - 1].pattern == "concurrent"


def _start(key: StateKey) -> Any:
    return _NOTHING.get(key.reducer) if key.initial is None else key.initial


def _replace(start: Any, values: Sequence[Any]) -> Any:
    return values[-1] if values else start


def _append(start: Any, values: Sequence[Any]) -> Any:
    return [*start, *values]


def _merge(start: Any, values: Sequence[Any]) -> Any:
    return {name: part for value in (start, *values) for name, part in value.items()}


def _max(start: Any, values: Sequence[Any]) -> Any:
    return max((n for n in (start, *values) if n is not None), default=None)


def _sum(start: Any, values: Sequence[Any]) -> Any:
    return sum(values, start)


def _set_union(start: Any, values: Sequence[Any]) -> Any:
    members = {canonical_bytes(one): one for value in (start, *values) for one in value}
    return [members[key] for key in sorted(members)]


_REDUCERS: Mapping[str, Callable[[Any, Sequence[Any]], Any]] = {
    "replace": _replace,
    "append": _append,
    "merge": _merge,
    "max": _max,
    "sum": _sum,
    "set_union": _set_union,
}
# The JSON types of what one write of a reducer gives; any other takes anything.
TYPES: Mapping[str, Mapping[str, Any]] = {
    "merge": {"type": "object"},
    "max": {"type": "number"},
    "sum": {"type": "number"},
    "set_union": {"type": "array"},
}
# The same of what it starts with.
INITIAL_TYPES: Mapping[str, Mapping[str, Any]] = {**TYPES, "append": {"type": "array"}}
