"""What a schema cannot say about a concurrent block: numbers that must fit one another."""

from collections.abc import Iterator, Mapping
from typing import Any

Place = tuple[str | int, ...]


def problems(options: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yield everything wrong with fields that passed `options.schema.json`, and where."""
    most = _most_branches(options)
    success = options.get("join", {}).get("success", 1)
    if success > most:
        message = f"{success} successes are never reached with {most} branches at most"
        yield ("join", "success"), message
    shards = options.get("foreach", {}).get("shard", {}).get("count", 1)
    if shards > most:
        message = f"{shards} shards are more than the cap of {most} branches"
        yield ("foreach", "shard", "count"), message


def expressions(options: Mapping[str, Any]) -> Iterator[tuple[Place, str, tuple[str, ...]]]:
    """Yield every CEL expression of the fields, where it stands and the names it may read."""
    if "foreach" in options:
        yield ("foreach", "in"), options["foreach"]["in"], ("inputs", "steps")


def agents_named(options: Mapping[str, Any]) -> frozenset[str]:
    """Return every agent that the block itself may ask; its branches name their own."""
    return frozenset({options.get("aggregate", {}).get("agent", "")} - {""})


def _most_branches(options: Mapping[str, Any]) -> int:
    most: int = options["foreach"]["cap"] if "foreach" in options else len(options["branches"])
    return most
