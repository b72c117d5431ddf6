"""What a tool outside answered, made small and plain, and labelled as what it is."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from audit.canonical import canonical_bytes
from orchestrator.workflow.plain_json import refuse_unstorable

MOST_CHARACTERS = 60_000
MOST_BLOCKS = 50
_REFUSED = frozenset({"elicitation/create", "sampling/createMessage", "roots/list"})


def read_result(result: Any) -> Mapping[str, Any]:
    """Return the response of a call.

    A server that asks for more first (elicitation, sampling, roots) is refused, and whoever called
    its tool reads that: nothing answers in the name of a person, and the call is not continued.
    Nothing that the server asked is kept, because it may be put so as to be obeyed.

    Texts are cut, all of them together, and what is no text is named by kind, size and digest.
    A call that the tool says went wrong was made all the same: a response with `is_error`.
    """
    if not hasattr(result, "content"):
        return _refused(result)
    response: dict[str, Any] = {
        "trust": "external",
        "is_error": bool(result.is_error),
        "content": list(_blocks(result.content[:MOST_BLOCKS])),
    }
    if isinstance(result.structured_content, dict) and _is_kept(result.structured_content):
        response["structured"] = result.structured_content
    return response


def _refused(result: Any) -> Mapping[str, Any]:
    requests = (getattr(result, "input_requests", None) or {}).values()
    asked = sorted({request.method for request in requests} & _REFUSED)
    what = ", ".join(asked) or "more input"
    error = f"The server asked for {what} before it would go on, which is refused."
    return {"trust": "external", "is_error": True, "error": error}


def _blocks(blocks: Iterable[Any]) -> Iterator[dict[str, Any]]:
    left = MOST_CHARACTERS
    for block in blocks:
        if block.type == "text":
            text = block.text.replace("\0", "\N{REPLACEMENT CHARACTER}")
            text = text.encode(errors="replace").decode()
            cut = {"cut_from": len(text)} if len(text) > left else {}
            yield {"type": "text", "text": text[:left], **cut}
            left -= min(left, len(text))
        else:
            said = block.model_dump_json().encode()
            digest = hashlib.sha256(said).hexdigest()
            yield {"type": block.type, "bytes": len(said), "sha256": digest}


def _is_kept(value: Any) -> bool:
    """Whether a structured answer can be stored, and is as small as a text may be."""
    try:
        refuse_unstorable(value)
        return len(canonical_bytes(value)) <= MOST_CHARACTERS
    except ValueError:
        return False
