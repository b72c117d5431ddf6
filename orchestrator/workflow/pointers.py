"""JSON pointers (RFC 6901), by which refusals name a place in what was sent."""

from collections.abc import Sequence


def pointer(path: Sequence[str | int]) -> str:
    """Return the pointer to a place."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def unescaped(part: str) -> str:
    """Return one part of a pointer as it was before it was written into it."""
    return part.replace("~1", "/").replace("~0", "~")
