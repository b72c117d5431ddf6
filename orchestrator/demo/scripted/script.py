"""The script of a scripted model: what it says to which request, each turn once unless `always`.

A script is a list of turns. Each may say `when` it fits: `model` is the name asked for, `says` a
text in the request's last message, `anywhere` one anywhere in the request. A request takes the
first turn left that fits:

    - {when: {says: "Which file?"}, text: "setup.py", usage: {input: 20, output: 3}}
    - {calls: [{name: ledger_append, arguments: {line: "second"}}]}
    - {status: 429, retry_after: 1}
    - {delay: 0.5, drop: true}
    - {malformed: true}
    - {json: {done: true}, always: true}
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import jsonschema_rs
import yaml

_SIDE = {"type": "integer", "minimum": 0}
SCHEMA: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "when": {
                "type": "object",
                "additionalProperties": False,
                "minProperties": 1,
                "properties": {name: {"type": "string"} for name in ("model", "says", "anywhere")},
            },
            "always": {"type": "boolean"},
            "text": {"type": "string"},
            "json": {},
            "calls": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string", "minLength": 1},
                        "arguments": {"type": ["object", "string"]},
                    },
                },
            },
            "usage": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"input": _SIDE, "output": _SIDE},
            },
            "finish": {"type": "string"},
            "status": {"type": "integer", "minimum": 300, "maximum": 599},
            "retry_after": {"type": "number", "minimum": 0},
            "delay": {"type": "number", "minimum": 0, "maximum": 600},
            "drop": {"type": "boolean"},
            "malformed": {"type": "boolean"},
        },
    },
}
_validator = jsonschema_rs.Draft202012Validator(SCHEMA)


class ScriptError(Exception):
    """The script cannot be played; the text names the place."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool the model asks for; `arguments` is JSON text, which may be broken on purpose."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What the model does with one request."""

    when: Mapping[str, str] = field(default_factory=dict)
    always: bool = False
    text: str = ""
    calls: Sequence[Call] = ()
    usage: Mapping[str, int] = field(default_factory=dict)
    finish: str = ""
    status: int = 200
    retry_after: float | None = None
    delay: float = 0
    drop: bool = False
    malformed: bool = False

    def fits(self, model: str, last: str, everything: str) -> bool:
        """Whether the turn answers a request of this model, last message and whole text."""
        wanted = self.when
        return (
            wanted.get("model", model) == model
            and wanted.get("says", "") in last
            and wanted.get("anywhere", "") in everything
        )


class Script:
    """The turns that are left. Several requests may take turns at once."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._left = list(turns)
        self._lock = Lock()

    def take(self, model: str, last: str, everything: str) -> Turn | None:
        """Return the turn for a request and use it up, or None when no turn fits."""
        with self._lock:
            for turn in self._left:
                if turn.fits(model, last, everything):
                    if not turn.always:
                        self._left.remove(turn)
                    return turn
        return None

    def left(self) -> list[Turn]:
        """Return the turns that nobody asked for; those for always are never left."""
        with self._lock:
            return [turn for turn in self._left if not turn.always]


def script_of(lines: Any) -> Script:
    """Return the script in parsed JSON or YAML; raises ScriptError."""
    error = next(iter(_validator.iter_errors(lines)), None)
    if error is not None:
        place = "/".join(str(part) for part in error.instance_path) or "the script"
        raise ScriptError(f"{place}: {error.message}")
    return Script([_turn(line) for line in lines])


def read_script(path: Path) -> Script:
    """Return the script in a JSON or YAML file; raises ScriptError."""
    try:
        return script_of(yaml.safe_load(path.read_text()))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ScriptError(f"{path} cannot be read: {error}") from None


def _turn(line: Mapping[str, Any]) -> Turn:
    given = dict(line)
    if "json" in given:
        given["text"] = json.dumps(given.pop("json"))
    calls = [
        Call(call["name"], _text(call.get("arguments", {}))) for call in given.pop("calls", ())
    ]
    return Turn(**given, calls=calls)


def _text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)
