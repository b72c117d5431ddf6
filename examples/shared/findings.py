"""What agents find, and how an agent answers: JSON in, JSON out."""

import json
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, order=True)
class Finding:
    """One thing to know. `line` is 0 when it is about a whole file, `file` empty for none."""

    file: str
    line: int
    rule: str
    severity: str
    message: str


def answer(said: dict[str, Any]) -> None:
    """Write the one JSON object an agent answers with."""
    json.dump(said, sys.stdout)


def refuse(code: str, detail: str) -> None:
    """Answer that the work cannot be done; another try would end the same."""
    answer({"error": {"code": code, "detail": detail[:2000]}})
