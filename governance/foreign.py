"""JSON that came from an agent or a tool, before it is believed to be JSON at all."""

import re
from typing import Any

from audit.canonical import canonical_bytes, digest

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def foreign_digest(value: Any, most_bytes: int) -> str:
    """Return the digest of `value`; raises ValueError when it cannot be kept as it is.

    PostgreSQL stores no NUL in JSON, so it is refused on both databases.
    """
    text = canonical_bytes(value)
    if len(text) > most_bytes:
        raise ValueError(f"it is larger than {most_bytes:,} bytes")
    if _NUL.search(text):
        raise ValueError("it contains a NUL character")
    return digest(value)
