"""Whether a configuration is one: against the JSON Schema of its runner, before anybody runs."""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

TEXTS = {"type": "array", "items": {"type": "string"}}
PROGRAM = {**TEXTS, "minItems": 1, "maxItems": 64}
ENVIRONMENT = {"type": "object", "additionalProperties": {"type": "string"}}


def misfits(
    schema: jsonschema_rs.Draft202012Validator, config: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield what does not fit, as JSON pointer and remedy."""
    for error in schema.iter_errors(config):
        yield "".join(f"/{part}" for part in error.instance_path), error.message
