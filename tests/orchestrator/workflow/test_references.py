import time
from typing import Any

import pytest

from orchestrator.workflow.references import EntangledError, check


def fan(levels: int, width: int) -> dict[str, Any]:
    named = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * width} for n in range(levels)}
    leaf = {f"a{levels}": {"type": "integer"}}
    return {"properties": {"x": {"$ref": "#/$defs/a0"}}, "$defs": named | leaf}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (fan(7, 7), "more than 2000 values once its $refs are followed"),
        (fan(25, 2), "more than 50 $refs"),
        (fan(20, 2), "more than 8 $refs in a row"),
        ({"$ref": "#"}, "$ref # leads round to itself"),
        (
            {
                "$defs": {
                    "a": {"items": {"$ref": "#/$defs/b"}},
                    "b": {"not": {"$ref": "#/$defs/a"}},
                }
            },
            "leads round to itself",
        ),
        ({"$ref": "#/$defs/no"}, "leads nowhere"),
        ({"$ref": "#/%24defs/a", "$defs": {"a": {}}}, "leads to a place in this schema"),
        ({"$ref": "other", "$defs": {"a": {"$anchor": "other"}}}, "$anchor is not allowed"),
        ({"$ref": "other"}, "leads to a place in this schema"),
        ({"$defs": {"a": {"$id": "https://example.com/a"}}}, "$id is not allowed"),
        ({"$dynamicRef": "#x"}, "$dynamicRef is not allowed"),
        ({"description": "x" * 33_000}, "larger than 32 KiB"),
    ],
)
def test_a_schema_that_grows_when_it_is_followed_is_refused(
    schema: dict[str, Any], message: str
) -> None:
    began = time.thread_time()
    with pytest.raises(EntangledError) as caught:
        check(schema)
    assert message in str(caught.value)
    assert time.thread_time() - began < 2


@pytest.mark.parametrize(
    "schema",
    [
        fan(3, 3),
        {"properties": {"a~b": {}, "c": {"$ref": "#/properties/a~0b"}}},
        {"allOf": [{"type": "object"}], "properties": {"c": {"$ref": "#/allOf/0"}}},
        {"properties": {"$ref": {"type": "string"}}},
    ],
)
def test_what_stays_small_is_not_refused(schema: dict[str, Any]) -> None:
    check(schema)
