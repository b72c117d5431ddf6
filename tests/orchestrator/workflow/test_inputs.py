from typing import Any

from orchestrator.workflow.inputs import from_text, paths_in, places

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "repo": {"type": "string", "format": "path"},
        "depth": {"type": "integer"},
        "deep": {"type": "boolean"},
        "names": {"type": "array"},
        "either": {"type": ["integer", "string"]},
    },
}


def test_text_becomes_what_the_schema_asks_for() -> None:
    texts = {"repo": "1", "depth": "3", "deep": "true", "names": '["a"]', "either": "4"}
    typed = {"repo": "1", "depth": 3, "deep": True, "names": ["a"], "either": "4"}
    assert from_text(SCHEMA, texts) == typed


def test_text_that_is_no_value_of_the_type_is_left_for_the_schema_to_refuse() -> None:
    assert from_text(SCHEMA, {"depth": "deep"}) == {"depth": "deep"}


def test_an_input_the_schema_does_not_know_stays_text() -> None:
    assert from_text(SCHEMA, {"more": "3"}) == {"more": "3"}


def test_paths_are_those_the_schema_calls_paths() -> None:
    assert paths_in(SCHEMA) == {"repo"}


def test_paths_in_a_list_are_places_as_well() -> None:
    many = {"type": "array", "items": {"type": "string", "format": "path"}}
    schema = {"type": "object", "properties": {**SCHEMA["properties"], "repos": many}}
    given = {"repo": "/a", "repos": ["/b", "/c"], "names": ["/d"]}
    assert places(schema, given) == ("/a", "/b", "/c")
    assert places(schema, {"names": ["/d"]}) == ()
