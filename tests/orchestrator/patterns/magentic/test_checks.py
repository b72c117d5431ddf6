import json
from importlib import resources
from typing import Any

import jsonschema_rs
import pytest

from orchestrator.patterns.magentic.checks import expressions, problems
from orchestrator.patterns.magentic.rules import agents_named
from tests.orchestrator.patterns.magentic.team import AUDITED, GREEN, LIMITS, WANTED, options

FILE = resources.files("orchestrator.patterns.magentic") / "options.schema.json"
SCHEMA = jsonschema_rs.Draft202012Validator(json.loads(FILE.read_text()))


def said_of(**fields: Any) -> list[str]:
    whole = options() | fields
    assert SCHEMA.is_valid(whole), [error.message for error in SCHEMA.iter_errors(whole)]
    return [message for _, message in problems(whole)]


def test_what_the_schema_takes_has_no_problem() -> None:
    assert said_of(success_criteria=[GREEN, AUDITED, WANTED], plan_review="risk>=high") == []


def test_only_candidates_make_a_team_as_well() -> None:
    assert said_of(team={"candidates": ["fixer"]}) == []


@pytest.mark.parametrize("missing", ["manager", "goal", "team", "success_criteria", "limits"])
def test_what_the_schema_misses(missing: str) -> None:
    assert not SCHEMA.is_valid({k: v for k, v in options().items() if k != missing})


@pytest.mark.parametrize("limit", sorted(LIMITS))
def test_every_limit_is_declared_and_finite(limit: str) -> None:
    without = {name: value for name, value in LIMITS.items() if name != limit}
    for limits in (without, LIMITS | {limit: 1000}, LIMITS | {limit: -1}, LIMITS | {limit: None}):
        assert not SCHEMA.is_valid(options() | {"limits": limits})


def test_the_schema_says_what_the_usual_limits_are() -> None:
    limits = json.loads(FILE.read_text())["properties"]["limits"]["properties"]
    usual = [limits[name]["default"] for name in LIMITS]
    assert usual == [20, 3, 2, 3, 3, 8, 2]
    assert SCHEMA.is_valid(options() | {"limits": dict(zip(LIMITS, usual, strict=True))})


@pytest.mark.parametrize(
    "fields",
    [
        {"team": {}},
        {"team": {"include": []}},
        {"success_criteria": []},
        {"success_criteria": [{"id": "a", "text": "b", "check": "manager"}]},
        {"success_criteria": [{"id": "a", "text": "b", "check": "cel"}]},
        {"success_criteria": [{"id": "a", "text": "b", "check": "agent"}]},
        {"success_criteria": [WANTED | {"agent": "lea"}]},
        {"success_criteria": [WANTED | {"expression": "true"}]},
        {"plan_review": "sometimes"},
    ],
)
def test_what_the_schema_refuses(fields: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(options() | fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"team": {"include": ["lea"]}}, "'lea' gives out the work and cannot take any"),
        ({"team": {"include": ["a"], "candidates": ["a"]}}, "'a' is included already"),
        ({"team": {"include": ["a", "b", "c", "d"]}}, "4 agents are more than the team of 3"),
        ({"success_criteria": [GREEN, GREEN]}, "'green' is not unique"),
        (
            {"success_criteria": [AUDITED | {"agent": "lea"}]},
            "'lea' claims success and cannot confirm it",
        ),
    ],
)
def test_what_a_schema_cannot_say(fields: dict[str, Any], message: str) -> None:
    assert message in said_of(**fields)


def test_the_file_checks_every_expression_with_the_names_it_may_read() -> None:
    names = ("inputs", "steps", "outputs", "results")
    place = ("success_criteria", 1, "expression")
    assert list(expressions(options(AUDITED, GREEN))) == [(place, GREEN["expression"], names)]


def test_every_agent_the_block_may_ask_is_named() -> None:
    named = agents_named(options(AUDITED, WANTED))
    assert named == {"lea", "fixer", "tester", "profiler", "auditor"}
