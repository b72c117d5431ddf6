"""A long exhibit in portions, so that no page grows with what an agent chose to attach."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from governance.presentation import MOST_FINDINGS

MOST_LINES = 2_000
MOST_CHARACTERS = 100_000


@dataclass(slots=True)
class Room:
    """How much of what agents attached still fits on one page."""

    rows: int = 3 * MOST_FINDINGS
    characters: int = 3 * MOST_CHARACTERS

    def take(self, portion: Sequence[Any]) -> bool:
        """Take a portion in if it fits whole. Rows that a reader sees one by one are counted."""
        rows, size = weight(portion)
        if rows > self.rows or size > min(self.characters, MOST_CHARACTERS):
            return False
        self.rows -= rows
        self.characters -= size
        return True


def weight(portion: Sequence[Any]) -> tuple[int, int]:
    """Return how many rows of a layout the portion has, and how many characters; text is one."""
    lines = all(isinstance(row, str) for row in portion)
    return (1 if lines else len(portion)), sum(map(_length, portion))


def portions(rows: Sequence[Any]) -> list[Sequence[Any]]:
    """Cut rows into portions of a size to read; a row larger than that stands alone."""
    most = MOST_LINES if rows and isinstance(rows[0], str) else MOST_FINDINGS
    found: list[list[Any]] = [[]]
    size = 0
    for row in rows:
        length = _length(row)
        if found[-1] and (len(found[-1]) == most or size + length > MOST_CHARACTERS):
            found.append([])
            size = 0
        found[-1].append(row)
        size += length
    return list(found)


def _length(row: Any) -> int:
    """Return a row's length with every strange character written out, as a page may show it."""
    return len(json.dumps(row))
