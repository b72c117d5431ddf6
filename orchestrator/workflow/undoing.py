"""What a workflow file says of undoing, and of what cannot be left out."""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.workflow.definition import Definition
from orchestrator.workflow.expressions import steps_named

ROLLED_BACK_ON = ("failed", "rejected", "cancelled", "timed_out")


def rolls_back_on(definition: Definition, ending: str) -> bool:
    """Whether a run that ends in this state undoes its effects first; all do unless it is said."""
    return ending in definition.plain.get("rollback_on", ROLLED_BACK_ON)


def is_pivot(definition: Definition, path: str) -> bool:
    """Whether the step at `path` is a point of no return: once it is done, nothing is undone."""
    return definition.step(path).pivot


def is_read(definition: Definition, path: str) -> bool:
    """Whether `success` or an expression of another step, such as its `with`, reads the step.

    Text that merely looks as if it did counts: what may be needed is not left out.
    """
    name = _name_of(_work_at(definition, path))
    read = [definition.plain["success"], definition.plain["steps"]]
    return any(name in steps_named(text) for text in _texts(read, name))


def _work_at(definition: Definition, path: str) -> str:
    """Return the path that the file's expressions know; a turn that peers bid for is its step."""
    line = definition.line_of(path)
    is_placed = len(line) > 1 and not line[-2].pattern
    return path.rpartition("/")[0] if is_placed else path


def _name_of(path: str) -> str:
    return path.rpartition("/")[2].partition("#")[0]


def _is_step(value: Mapping[str, Any], name: str) -> bool:
    return value.get("id") == name and ("agent" in value or "pattern" in value)


def _texts(value: Any, name: str) -> Iterator[str]:
    """Yield every text that does not stand in the step `name` itself."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping) and not _is_step(value, name):
        yield from (text for part in value.values() for text in _texts(part, name))
    elif isinstance(value, list):
        yield from (text for part in value for text in _texts(part, name))
