"""YAML text to plain JSON values, with the line of every value.

Stricter than YAML: one document, text keys, no key twice, no anchors, aliases or tags, and only
JSON's types (`on` and `2026-11-20` are text). What is left cannot expand or surprise.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from orchestrator.workflow.money import is_money
from orchestrator.workflow.problems import Problem, WorkflowFileError

MAX_BYTES = 256 * 1024
MAX_NODES = 10_000
MAX_DEPTH = 32

Place = tuple[str | int, ...]

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Source:
    """The file's one value, and where each part of it stands."""

    file: str
    value: Any
    lines: dict[Place, int] = field(default_factory=dict)

    def line_of(self, place: Place) -> int:
        """Return the line of `place`, or of the nearest thing around it that has one."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def problem(self, place: Place, message: str) -> Problem:
        """Return a problem at `place`."""
        return Problem(self.file, self.line_of(place), message)


def decode(raw: bytes, file: str) -> str:
    """Return the text of a file; refuses more than 256 KiB and anything but UTF-8.

    A caller need not read more than MAX_BYTES + 1 bytes to get this answer.
    """
    if len(raw) > MAX_BYTES:
        raise _refused(file, 1, f"the file is larger than {MAX_BYTES // 1024} KiB")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _refused(file, line, "the file is not UTF-8 text") from None


def read(text: str, file: str) -> Source:
    """Return the file's value with its lines; raises WorkflowFileError."""
    if len(text) > MAX_BYTES or len(text.encode()) > MAX_BYTES:
        raise _refused(file, 1, f"the file is larger than {MAX_BYTES // 1024} KiB")
    builder = _Builder(text, file)
    try:
        value = builder.document()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _refused(file, line, f"not YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refused(file, line, "not YAML: a character that YAML does not allow") from None
    if builder.problems:
        raise WorkflowFileError(sorted(builder.problems))
    return Source(file, value, builder.lines)


def _refused(file: str, line: int, message: str) -> WorkflowFileError:
    return WorkflowFileError([Problem(file, line, message)])


class _Builder:
    """Walks YAML's events, so that nothing is composed before it is known to be harmless."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self.lines: dict[Place, int] = {}
        self.problems: list[Problem] = []
        self.nodes = 0

    def document(self) -> Any:
        next(self.events)
        if isinstance(next(self.events), yaml.StreamEndEvent):
            raise _refused(self.file, 1, "the file is empty")
        value = self.value(next(self.events), ())
        next(self.events)
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            self.complain(after, "a workflow file holds one document")
        return value

    def complain(self, event: yaml.Event, message: str) -> None:
        self.problems.append(Problem(self.file, _line(event), message))

    def value(self, event: yaml.Event, place: Place) -> Any:
        self.lines.setdefault(place, _line(event))
        self.measure(event, place)
        self.refuse_indirection(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(place)
        if isinstance(event, yaml.ScalarEvent):
            return event.value if event.style or is_money(place) else self.plain(event)
        return None

    def measure(self, event: yaml.Event, place: Place) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _refused(self.file, _line(event), f"more than {MAX_NODES} values")
        if len(place) > MAX_DEPTH:
            raise _refused(self.file, _line(event), f"nested deeper than {MAX_DEPTH} levels")

    def refuse_indirection(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.AliasEvent):
            self.complain(event, "aliases (*name) are not allowed; write the value out")
        elif getattr(event, "anchor", None):
            self.complain(event, "anchors (&name) are not allowed; write the value out")
        if getattr(event, "tag", None):
            self.complain(event, "tags (!name) are not allowed")

    def mapping(self, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.key(event, place)
            if key in found:
                self.complain(event, f"key {key!r} is written twice")
            self.lines[(*place, key)] = _line(event)
            found[key] = self.value(next(self.events), (*place, key))
        return found

    def key(self, event: yaml.Event, place: Place) -> str:
        self.refuse_indirection(event)
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        if not isinstance(event, yaml.AliasEvent):
            self.complain(event, "a key must be text")
            self.value(event, (*place, ""))
        return ""

    def sequence(self, place: Place) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            found.append(self.value(event, (*place, len(found))))
        return found

    def plain(self, event: yaml.ScalarEvent) -> Any:
        text = event.value
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text) and not math.isinf(number := float(text)):
            return number
        return text


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
