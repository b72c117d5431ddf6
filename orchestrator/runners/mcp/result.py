"""What a tool outside answered, made small and plain, and labelled as what it is."""

import hashlib
from collections.abc import Mapping
from typing import Any

from governance.adapters import EffectUnknownError
from orchestrator.workflow.plain_json import refuse_unstorable

MOST_CHARACTERS = 60_000
MOST_BLOCKS = 50


def read_result(result: Any) -> Mapping[str, Any]:
    """Return the response of a call; raises EffectUnknownError for one that is no answer yet.

    Texts are cut, and what is no text is named by kind, size and digest. A call that the tool
    says went wrong was made all the same, so it is a response with `is_error`.
    """
    if not hasattr(result, "content"):
        raise EffectUnknownError("the server asks for more input, which nobody can give it here")
    response: dict[str, Any] = {
        "trust": "external",
        "is_error": bool(result.is_error),
        "content": [_block(block) for block in result.content[:MOST_BLOCKS]],
    }
    if isinstance(result.structured_content, dict) and _is_plain(result.structured_content):
        response["structured"] = result.structured_content
    return response


def _block(block: Any) -> dict[str, Any]:
    if block.type == "text":
        text = block.text.replace("\0", "\N{REPLACEMENT CHARACTER}")
        text = text.encode(errors="replace").decode()
        cut = {"cut_from": len(text)} if len(text) > MOST_CHARACTERS else {}
        return {"type": "text", "text": text[:MOST_CHARACTERS], **cut}
    said = block.model_dump_json().encode()
    return {"type": block.type, "bytes": len(said), "sha256": hashlib.sha256(said).hexdigest()}


def _is_plain(value: Any) -> bool:
    try:
        refuse_unstorable(value)
    except ValueError:
        return False
    return True
