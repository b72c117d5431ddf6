"""What of JSON can be stored, hashed and shown the same way everywhere."""

import json
from collections.abc import Mapping
from typing import Any

from audit.canonical import canonical_bytes


def refuse_unstorable(value: Any) -> None:
    """Raise ValueError for JSON that RFC 8785 cannot write or PostgreSQL cannot hold.

    That is: numbers that are not finite or exceed 2^53, lone surrogates, NUL, endless nesting.
    """
    try:
        canonical_bytes(value)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if _holds_nul(value):
        raise ValueError("it holds a NUL character")


def as_stored(value: Any) -> Any:
    """Return `value` as whoever reads its canonical form gets it: 1.0 is 1, a tuple is a list.

    Rows and events keep this form, so that an expression sees the same in a run and its replay.
    """
    return json.loads(canonical_bytes(value))


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any(_holds_nul(key) or _holds_nul(part) for key, part in value.items())
    return isinstance(value, list) and any(_holds_nul(part) for part in value)
