"""Shared state in a file: its types, who writes it, and that no two writers race."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.patterns.children import misfit
from orchestrator.workflow import references
from orchestrator.workflow.nodes import Node
from orchestrator.workflow.planning import STATE
from orchestrator.workflow.problems import Problem
from orchestrator.workflow.shape import input_validator
from orchestrator.workflow.shared_state import INITIAL_TYPES
from orchestrator.workflow.source import Source


def state_is_typed(source: Source, _every: Sequence[Node]) -> Iterator[Problem]:
    """Yield every key whose type is no JSON Schema, or whose initial value does not fit."""
    for name, key in source.value.get("state", {}).items():
        try:
            references.check(key["type"])
            input_validator(key["type"])
        except (references.EntangledError, ValueError) as error:
            message = f"the type of {name!r} is not a JSON Schema to be used: {error}"
            yield source.problem(("state", name, "type"), message)
        wanted = INITIAL_TYPES.get(key["reducer"])
        if "initial" in key and wanted and misfit(key["initial"], wanted):
            message = f"{key['reducer']} starts with {_kind(wanted)}, not with this"
            yield source.problem(("state", name, "initial"), message)


def state_is_written(source: Source, every: Sequence[Node]) -> Iterator[Problem]:
    """Yield every key that no step writes."""
    written = {name for node in every for name in node.plain.get("writes", ())}
    for name in source.value.get("state", {}):
        if name not in written:
            yield source.problem(("state", name), f"no step writes {name!r}")


def writes_are_known(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every key that a step writes and the file does not declare."""
    for number, name in enumerate(node.plain.get("writes", ())):
        if name not in source.value.get("state", {}):
            message = f"writes names {name!r}, which 'state' does not declare"
            yield source.problem((*node.place, "writes", number), message)


def state_seen_is_known(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every key that a context selects and the file does not declare."""
    context = node.plain.get("context", ())
    for number, name in enumerate(context if isinstance(context, list) else ()):
        known = source.value.get("state", {})
        if name.startswith(STATE) and name.removeprefix(STATE) not in known:
            message = f"context names {name!r}, which 'state' does not declare"
            yield source.problem((*node.place, "context", number), message)


def writers_do_not_race(source: Source, node: Node) -> Iterator[Problem]:
    """Yield every key that `replace` keeps and two branches of this block surely write.

    Where a branch may be skipped, it shows at run time (`state_conflict`).
    """
    if node.pattern != "concurrent":
        return
    writers: Counter[str] = Counter()
    for branch in node.plain.get("branches", {}).values():
        writers.update(_surely_written(branch))
    if node.plain.get("foreach", {}).get("cap", 1) > 1:
        writers.update(dict.fromkeys(_surely_written(node.plain["do"]), 2))
    for name, times in writers.items():
        if times > 1 and _reducer(source, name) == "replace":
            message = f"branches that run at once all replace {name!r}; which one stays is chance"
            yield source.problem((*node.place, "pattern"), message)


def _surely_written(plain: Mapping[str, Any]) -> set[str]:
    if "when" in plain:
        return set()
    names = set(plain.get("writes", ()))
    for inner in (*plain.get("steps", ()), *plain.get("branches", {}).values()):
        names |= _surely_written(inner)
    return names | (_surely_written(plain["do"]) if "do" in plain else set())


def _reducer(source: Source, name: str) -> str:
    return str(source.value.get("state", {}).get(name, {}).get("reducer", ""))


def _kind(wanted: Mapping[str, Any]) -> str:
    return {"array": "a list", "object": "an object", "number": "a number"}[wanted["type"]]
