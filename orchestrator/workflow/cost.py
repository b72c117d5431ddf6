"""How much work an expression may make: macros walk lists, and one inside another multiplies.

CEL itself has no limit, and a run is moved on inside a transaction, so both what is written and
what it is evaluated over are bounded.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

MOST_CHARACTERS = 500
DEEPEST = 2
MOST_WORK = 1_000_000
# This much text is as much work as one member of a list.
TEXT = 100

_QUIET = re.compile(
    r"""
    //[^\n]*
    | \b[bB]?[rR](?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*')
    | (?:\b[bB])?(?:
        \"{3}(?:\\.|[^\\])*?\"{3} | '{3}(?:\\.|[^\\])*?'{3}
        | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
    )
    """,
    re.DOTALL | re.VERBOSE,
)
_MARK = re.compile(r"\.\s*(all|exists|exists_one|existsOne|map|filter)\s*\(|([(\[{])|([)\]}])")


def without_text(expression: str) -> str:
    """Return the expression with its strings empty and its comments gone."""
    return _QUIET.sub(lambda found: " " if found[0].startswith("//") else '""', expression)


def excess(expression: str) -> str:
    """Say in what an expression is more than may be written, or return an empty string."""
    if len(expression) > MOST_CHARACTERS:
        return f"an expression has at most {MOST_CHARACTERS} characters, not {len(expression)}"
    depth, _maps = _shape(expression)
    if depth > DEEPEST:
        return f"macros (all, exists, map, filter) stand at most {DEEPEST} deep, not {depth}"
    return ""


def most_members(expression: str) -> int | None:
    """Return how long a list may be for this expression, or None when that does not matter.

    Each level of macros walks a list once more, what stands inside may copy one, and every
    `map` may make the result a list longer by as much.
    """
    depth, maps = _shape(expression)
    if not depth:
        return None
    most: float = MOST_WORK ** (1 / (depth + max(1, maps)))
    return round(most)


def members(value: Any) -> int:
    """Return the length of the longest list, mapping or text within a JSON value."""
    if isinstance(value, str):
        return len(value) // TEXT
    if isinstance(value, Mapping):
        return max(len(value), *map(members, value.values()), 0)
    if isinstance(value, list | tuple):
        return max(len(value), *map(members, value), 0)
    return 0


@lru_cache(maxsize=1024)
def _shape(expression: str) -> tuple[int, int]:
    """Return how deep macros stand in one another, and how many of them are `map`."""
    opened: list[bool] = []
    deepest = maps = 0
    for found in _MARK.finditer(without_text(expression)):
        if found[3]:
            opened[-1:] = []
            continue
        opened.append(bool(found[1]))
        deepest = max(deepest, sum(opened))
        maps += found[1] == "map"
    return deepest, maps
