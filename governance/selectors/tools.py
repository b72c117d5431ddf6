"""Tools as they were registered, and whether arguments fit them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import jsonschema_rs
from django.utils.translation import gettext as _

from audit.canonical import canonical_bytes, digest
from governance.foreign import foreign_digest
from governance.models import Tool
from governance.refusals import Invalid, Refusal

MOST_BYTES = 100_000


def usable_tool(slug: str) -> Tool:
    """Return the tool as it was registered; raises Refusal when there is none or it differs."""
    tool = Tool.objects.filter(slug=slug).first()
    if tool is None:
        raise Invalid("unknown_tool", _("No tool is registered as %(slug)s.") % {"slug": slug})
    if digest(tool.schema) != tool.schema_digest:
        detail = _("The arguments of %(slug)s were changed outside its registration; register it.")
        raise Refusal("tool_changed", detail % {"slug": slug})
    return tool


def checked_arguments(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments if the tool takes them; raises Invalid with JSON pointers if not."""
    plain = dict(arguments)
    validator = _validator(canonical_bytes(tool.schema).decode())
    errors = [
        {"pointer": _pointer(error.instance_path), "detail": error.message}
        for error in validator.iter_errors(plain)
    ]
    try:
        foreign_digest(plain, MOST_BYTES)
    except ValueError as error:
        errors.append({"pointer": "", "detail": str(error)})
    if errors:
        detail = _("The arguments do not fit what %(tool)s takes.") % {"tool": tool.name}
        raise Invalid("invalid_arguments", detail, errors=errors)
    return plain


@lru_cache(maxsize=64)
def _validator(schema: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(schema, validate_formats=True, offline=True)


def _pointer(path: Sequence[str | int]) -> str:
    """Return the JSON pointer (RFC 6901) to a place in the arguments."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
