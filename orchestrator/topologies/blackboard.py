"""What an agent may post for its peers beside its answer, and who of them sees it."""

from collections.abc import Mapping
from typing import Any

from audit.canonical import canonical_bytes
from orchestrator.patterns.children import Fault, misfit
from orchestrator.workflow.definition import Definition
from orchestrator.workflow.planning import BOARD

POST = "post"
MOST_BYTES = 16_384
_NAME = {"type": "string", "maxLength": 50, "pattern": "^[a-z][a-z0-9_]*$"}
_ENTRY: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["space", "key", "version", "kind", "body"],
    "properties": {
        "space": _NAME,
        "key": {"type": "string", "minLength": 1, "maxLength": 100},
        "version": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
        "kind": _NAME,
        "body": {},
        "ttl": {"type": "string", "pattern": "^[1-9][0-9]{0,5}[smhd]$"},
    },
}
ENTRIES: Mapping[str, Any] = {"type": "array", "maxItems": 10, "items": _ENTRY}


def is_kept(definition: Definition) -> bool:
    """Whether runs of the file have a blackboard: peers share one, nobody else does."""
    return definition.topology == "decentralized"


def spaces_seen(definition: Definition, path: str) -> list[str] | None:
    """Return the spaces that the step's `context` selects; None means every one of them."""
    context = definition.step(path).context
    if context == "full":
        return None
    names = () if isinstance(context, str) else context
    return [name.removeprefix(BOARD) for name in names if name.startswith(BOARD)]


def fault_of(posts: Any) -> Fault | None:
    """Return why what an agent posts cannot be kept; None when it can."""
    if fault := misfit(posts, ENTRIES):
        return Fault(fault.code, f"{POST}: {fault.detail}")
    for entry in posts:
        if len(canonical_bytes(entry)) > MOST_BYTES:
            detail = f"{POST}: “{entry['key']}” has more than {MOST_BYTES} bytes."
            return Fault("posting_too_large", detail)
    return None
