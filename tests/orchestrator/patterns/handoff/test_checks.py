import json
from importlib import resources
from typing import Any

import jsonschema_rs
import pytest

from orchestrator.patterns.handoff.checks import expressions, problems
from orchestrator.patterns.handoff.rules import agents_named
from tests.orchestrator.patterns.handoff.chain import options

FILE = resources.files("orchestrator.patterns.handoff") / "options.schema.json"
SCHEMA = jsonschema_rs.Draft202012Validator(json.loads(FILE.read_text()))


def said_of(**fields: Any) -> list[str]:
    whole = options(**fields)
    assert SCHEMA.is_valid(whole), [error.message for error in SCHEMA.iter_errors(whole)]
    return [message for _, message in problems(whole)]


def test_what_the_schema_takes_has_no_problem() -> None:
    said = said_of(
        must_handoff=["build"],
        envelope={"type": "object", "$defs": {}, "properties": {"digest": {"type": "string"}}},
        requires={"test": {"deploy": "outputs.failures == 0"}},
        gates={"test": {"deploy": "May it?"}},
        alternates={"deploy": ["deploy_by_hand"]},
        max_handoffs=5,
        max_visits=3,
    )
    assert said == []


@pytest.mark.parametrize(
    "fields",
    [
        {"start": ""},
        {"transitions": {}},
        {"transitions": {"a": "b"}},
        {"max_handoffs": 0},
        {"max_handoffs": 101},
        {"max_visits": None},
        {"must_handoff": "build"},
        {"envelope": {"type": "string"}},
        {"requires": {"build": "true"}},
        {"gates": {"build": {"test": ""}}},
        {"alternates": {"test": []}},
    ],
)
def test_what_the_schema_refuses(fields: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(options(**fields))


@pytest.mark.parametrize("missing", ["start", "transitions"])
def test_what_the_schema_misses(missing: str) -> None:
    assert not SCHEMA.is_valid({k: v for k, v in options().items() if k != missing})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"start": "deploy"}, "'build' is never reached from 'deploy'"),
        ({"transitions": {"build": ["build", "test"]}}, "'build' hands over to itself"),
        (
            {"transitions": {"build": ["test"], "test": ["build"]}},
            "the work can never end once 'test' holds it",
        ),
        ({"must_handoff": ["deploy"], "transitions": {"build": ["deploy"]}}, "deploy"),
        ({"requires": {"build": {"deploy": "true"}}}, "'build' has no transition to 'deploy'"),
        ({"gates": {"deploy": {"build": "?"}}}, "'deploy' has no transition to 'build'"),
        ({"alternates": {"build": ["build"]}}, "'build' is its own alternate"),
        ({"alternates": {"mallory": ["test"]}}, "nobody hands over to 'mallory'"),
        ({"envelope": {"type": "object", "required": "digest"}}, "envelope is not a JSON Schema"),
        (
            {"envelope": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}},
            "envelope is not a JSON Schema",
        ),
    ],
)
def test_what_a_schema_cannot_say(fields: dict[str, Any], message: str) -> None:
    assert any(message in said for said in said_of(**fields))


def test_the_file_checks_every_expression_with_the_names_it_may_read() -> None:
    fields = options(requires={"build": {"test": "outputs.ok"}})
    names = ("inputs", "steps", "outputs", "handoff")
    assert list(expressions(fields)) == [(("requires", "build", "test"), "outputs.ok", names)]


def test_every_agent_a_handoff_may_ask_is_named() -> None:
    fields = options(alternates={"deploy": ["deploy_by_hand"]})
    assert agents_named(fields) == {"build", "test", "deploy", "deploy_by_hand"}
