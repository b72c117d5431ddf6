"""How the results of branches become one. Order is that of the file, never that of arrival.

Results are data from strangers. What one of them does not say is never taken for harmless: a
finding of unknown severity comes first, one without a key is nobody's duplicate.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

SEVERITIES = ("critical", "high", "medium", "low", "info")
UNKNOWN = "unknown"

Results = Mapping[str, Mapping[str, Any]]
Reducer = Callable[[Mapping[str, Any], Results], Any]


class ReduceError(Exception):
    """Results that do not become one."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def reduced(rule: Mapping[str, Any], results: Results) -> Any:
    """Return the one result of `results`, by branch in declared order; raises ReduceError."""
    return _REDUCERS[rule["reduce"]](rule, results)


def answer_schema(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of what a branch must answer for its result to be reduced."""
    if "from" in rule:
        items = {"type": "array", "items": {"type": "object"}}
        return _object_with(rule["from"], items)
    if rule.get("reduce") == "vote":
        return _object_with(rule["by"], {"type": ["string", "integer", "boolean"]})
    return {"type": "object"}


def _object_with(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": [name], "properties": {name: schema}}


def _collect(rule: Mapping[str, Any], results: Results) -> list[dict[str, Any]]:
    return [{"branch": branch, "output": dict(output)} for branch, output in results.items()]


def _merge(rule: Mapping[str, Any], results: Results) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for branch, output in results.items():
        for key, value in output.items():
            if _text(merged.setdefault(key, value)) != _text(value):
                detail = f"The branch {branch} says something else about {key!r} than another."
                raise ReduceError("state_conflict", detail)
    return merged


def _dedupe(rule: Mapping[str, Any], results: Results) -> dict[str, Any]:
    items = _items(rule, results)
    kept = _unique(items, rule["key"])
    return {"items": kept, "duplicates": len(items) - len(kept)}


def _prioritise(rule: Mapping[str, Any], results: Results) -> dict[str, Any]:
    """Sort from the gravest down, without duplicates if there is a key, and count by severity."""
    items = _items(rule, results)
    kept = _unique(items, rule["key"]) if "key" in rule else items
    by = rule.get("by", "severity")
    counts = Counter(_severity(item.get(by)) for item in kept)
    return {
        "items": sorted(kept, key=lambda item: _urgency(item.get(by))),
        "duplicates": len(items) - len(kept),
        "severities": {severity: counts[severity] for severity in (*SEVERITIES, UNKNOWN)},
    }


def _max_severity(rule: Mapping[str, Any], results: Results) -> dict[str, Any]:
    by = rule.get("by", "severity")
    said = {_severity(item.get(by)) for item in _items(rule, results)}
    gravest = next((severity for severity in (UNKNOWN, *SEVERITIES) if severity in said), "none")
    return {"severity": gravest}


def _vote(rule: Mapping[str, Any], results: Results) -> dict[str, Any]:
    """Return what more than half of those that voted chose, else let a person decide."""
    votes = [output[rule["by"]] for output in results.values()]
    texts = [_text(vote) for vote in votes]
    tally = [{"value": votes[texts.index(t)], "votes": n} for t, n in Counter(texts).most_common()]
    if not tally or 2 * tally[0]["votes"] <= len(votes):
        detail = f"No answer has more than half of the {len(votes)} votes."
        raise ReduceError("vote_undecided", detail)
    return {"winner": tally[0]["value"], "tally": tally}


_REDUCERS: Mapping[str, Reducer] = {
    "collect": _collect,
    "merge": _merge,
    "dedupe": _dedupe,
    "prioritise": _prioritise,
    "max_severity": _max_severity,
    "vote": _vote,
}


def _items(rule: Mapping[str, Any], results: Results) -> list[Mapping[str, Any]]:
    return [item for output in results.values() for item in output[rule["from"]]]


def _unique(items: Sequence[Mapping[str, Any]], key: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the first item of each key; one that lacks a part of the key is kept."""
    kept: dict[Any, Mapping[str, Any]] = {}
    for number, item in enumerate(items):
        is_whole = all(name in item for name in key)
        kept.setdefault(_text([item[name] for name in key]) if is_whole else number, item)
    return list(kept.values())


def _urgency(value: Any) -> tuple[int, float]:
    """Return what items are sorted by: unknown first, then severities, then numbers downward."""
    severity = _severity(value)
    if severity != UNKNOWN:
        return 1, SEVERITIES.index(severity)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 2, -value
    return 0, 0


def _severity(value: Any) -> str:
    word = value.strip().lower() if isinstance(value, str) else ""
    return word if word in SEVERITIES else UNKNOWN


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
