import json
from importlib import resources
from typing import Any

import jsonschema_rs
import pytest

from orchestrator.patterns.concurrent.checks import agents_named, expressions, problems

FILE = resources.files("orchestrator.patterns.concurrent") / "options.schema.json"
SCHEMA = jsonschema_rs.Draft202012Validator(json.loads(FILE.read_text()))
BRANCHES: dict[str, Any] = {"branches": {"a": {"agent": "x"}, "b": {"agent": "y"}}}
FOREACH: dict[str, Any] = {
    "foreach": {"in": "inputs.repos", "as": "repo", "cap": 40},
    "do": {"agent": "x"},
}


@pytest.mark.parametrize(
    "fields",
    [
        BRANCHES,
        FOREACH,
        FOREACH | {"foreach": FOREACH["foreach"] | {"shard": {"strategy": "even", "size": 10}}},
        FOREACH | {"foreach": FOREACH["foreach"] | {"shard": {"strategy": "hash", "count": 4}}},
        BRANCHES | {"join": {"policy": "quorum", "success": 2, "losers": "let_finish"}},
        BRANCHES | {"join": {"policy": "all_settled", "success": 1, "deadline": "30m"}},
        BRANCHES | {"join": {"policy": "deadline", "deadline": "30m"}, "max_parallel": 2},
        BRANCHES | {"aggregate": {"agent": "writer"}},
        BRANCHES | {"aggregate": {"reduce": "merge"}},
        BRANCHES | {"aggregate": {"reduce": "dedupe", "from": "findings", "key": ["rule"]}},
        BRANCHES | {"aggregate": {"reduce": "prioritise", "from": "findings"}},
        BRANCHES | {"aggregate": {"reduce": "vote", "by": "verdict"}, "more": "of a step"},
    ],
)
def test_a_block_may_say(fields: dict[str, Any]) -> None:
    assert SCHEMA.is_valid(fields)
    assert not list(problems(fields))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        BRANCHES | FOREACH,
        {"foreach": FOREACH["foreach"]},
        {"branches": {"aggregate": {}}},
        {"branches": {"deadline": {}}},
        {"branches": {"1": {}}},
        FOREACH | {"foreach": {"in": "inputs.repos", "as": "repo"}},
        FOREACH | {"foreach": FOREACH["foreach"] | {"as": "steps"}},
        FOREACH | {"foreach": FOREACH["foreach"] | {"shard": {"strategy": "hash", "size": 4}}},
        FOREACH | {"foreach": FOREACH["foreach"] | {"shard": {"strategy": "size", "count": 4}}},
        BRANCHES | {"join": {"policy": "quorum"}},
        BRANCHES | {"join": {"policy": "deadline"}},
        BRANCHES | {"join": {"policy": "any", "success": 2}},
        BRANCHES | {"join": {"success": 2}},
        BRANCHES | {"max_parallel": 0},
        BRANCHES | {"on_branch_reject": "approve"},
        BRANCHES | {"aggregate": {"reduce": "dedupe", "from": "findings"}},
        BRANCHES | {"aggregate": {"reduce": "collect", "agent": "writer"}},
    ],
)
def test_a_block_may_not_say(fields: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(fields)


def test_a_quorum_that_is_never_met_is_a_problem() -> None:
    fields = BRANCHES | {"join": {"policy": "quorum", "success": 3}}
    assert list(problems(fields)) == [
        (("join", "success"), "3 successes are never reached with 2 branches at most")
    ]


def test_more_shards_than_the_cap_allows_are_a_problem() -> None:
    foreach = FOREACH["foreach"] | {"shard": {"strategy": "hash", "count": 41}}
    assert list(problems(FOREACH | {"foreach": foreach})) == [
        (("foreach", "shard", "count"), "41 shards are more than the cap of 40 branches")
    ]


def test_the_list_is_the_one_expression_of_a_block() -> None:
    assert list(expressions(BRANCHES)) == []
    assert list(expressions(FOREACH)) == [(("foreach", "in"), "inputs.repos", ("inputs", "steps"))]


def test_the_agent_that_aggregates_is_named() -> None:
    assert agents_named(BRANCHES) == frozenset()
    assert agents_named(BRANCHES | {"aggregate": {"agent": "writer"}}) == {"writer"}
