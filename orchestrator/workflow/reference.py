"""The reference of the workflow file, written from its schema: docs/workflow-file.md."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.workflow.assembly import SKELETON, assembled

Schema = Mapping[str, Any]

_HEAD = """\
# The workflow file

Reference of every field of version 1, written from the published JSON Schema by
`manage.py workflow reference`; a test compares the two. `manage.py workflow check FILE` says
what is wrong with a file as `file:line: message` and leaves with 1 if anything is;
`manage.py workflow advise` asks a few questions and writes a file to start from.

A file is YAML without anchors, aliases and tags, at most 256 KiB. Durations are a whole number
and a unit (`30s`, `20m`, `6h`, `7d`). Conditions are
[CEL](https://github.com/google/cel-spec): total and free of side effects, so that a run can be
replayed; a condition that cannot be evaluated does not hold.
"""
_DEEPEST = 2


def reference() -> str:
    """Return the whole page, as the schema is put together today."""
    schema, skeleton = assembled(), json.loads(SKELETON.read_text(encoding="utf-8"))
    shared = skeleton["$defs"]["block"]
    parts = [
        _HEAD,
        _section("The file", schema, schema),
        _section("Topology `decentralized`", skeleton["$defs"]["decentralized"], schema),
        _section("A step", skeleton["$defs"]["step"], schema),
        _section("Every block", shared, schema),
        *(_block(name, schema, shared) for name in _blocks(schema)),
    ]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _blocks(schema: Schema) -> list[str]:
    return [name for name in schema["$defs"] if name.endswith("_block")]


def _block(name: str, schema: Schema, shared: Schema) -> str:
    block = schema["$defs"][name]
    own = {n: part for n, part in block["properties"].items() if n not in shared["properties"]}
    title = f"Pattern `{name.removesuffix('_block')}`"
    return _section(title, {**block, "properties": own}, schema)


def _section(title: str, part: Schema, schema: Schema) -> str:
    lines = [f"## {title}", ""]
    if "description" in part and not part["description"].startswith("Open at the top"):
        lines += [part["description"], ""]
    lines += ["| Field | Value | Meaning |", "|---|---|---|"]
    lines += _rows(part, schema, "")
    return "\n".join(lines) + "\n"


def _rows(part: Schema, schema: Schema, before: str) -> Iterator[str]:
    needed = part.get("required", ())
    for name, found in part["properties"].items():
        if not isinstance(found, Mapping):
            continue
        value = _resolved(found, schema)
        words = _words(value, must=name in needed)
        yield f"| `{before}{name}` | {_kind(value, schema)} | {words} |".replace("|  |", "| |")
        yield from _inner(value, schema, f"{before}{name}")


def _words(value: Schema, *, must: bool) -> str:
    default = f"Default: `{_plain(value['default'])}`." if "default" in value else ""
    words = str(value.get("description", ""))
    return " ".join(filter(None, ("**Required.**" if must else "", words, default)))


def _inner(value: Schema, schema: Schema, before: str) -> Iterator[str]:
    """Yield the fields inside a field. What holds steps again is described where steps are."""
    items = _resolved(value["items"], schema) if "items" in value else {}
    holder, mark = (items, "[]") if items else (value, "")
    every = holder.get("additionalProperties")
    if isinstance(every, Mapping) and "properties" not in holder:
        holder, mark = _resolved(every, schema), ".<name>"
    if "properties" in holder and before.count(".") <= _DEEPEST and "id" not in value:
        yield from _rows(holder, schema, f"{before}{mark}.")


def _resolved(part: Schema, schema: Schema) -> Schema:
    """Return what a part says itself, over what its reference says."""
    reference = part.get("$ref")
    if reference is None:
        return part
    target = schema["$defs"].get(reference.rpartition("/")[2], {})
    return {**_resolved(target, schema), **{k: v for k, v in part.items() if k != "$ref"}}


def _kind(value: Schema, schema: Schema) -> str:
    if "enum" in value:
        return ", ".join(f"`{_plain(choice)}`" for choice in value["enum"])
    if "const" in value:
        return f"`{_plain(value['const'])}`"
    if "else" in value and "then" in value:
        kinds = (_kind(_resolved(value[key], schema), schema) for key in ("else", "then"))
        return " or ".join(kinds)
    for key in ("oneOf", "anyOf"):
        if key in value and "properties" not in value:
            kinds = (_kind(_resolved(one, schema), schema) for one in value[key])
            return " or ".join(dict.fromkeys(kinds))
    kinds = value.get("type", "object")
    kind = kinds if isinstance(kinds, str) else " or ".join(kinds)
    if kind == "array" and "items" in value:
        inner = _kind(_resolved(value["items"], schema), schema)
        return f"list of {inner}"
    return f"{kind}{_range(value)}"


def _range(value: Schema) -> str:
    least, most = value.get("minimum"), value.get("maximum")
    if least is None and most is None:
        return ""
    return f" {least if least is not None else ''} to {most if most is not None else ''}".rstrip()


def _plain(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_plain, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
