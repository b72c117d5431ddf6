import json
from importlib import resources
from typing import Any

import jsonschema_rs
import pytest

from orchestrator.patterns.group_chat.checks import expressions, problems
from orchestrator.patterns.group_chat.rules import agents_named
from tests.orchestrator.patterns.group_chat.panel import options

FILE = resources.files("orchestrator.patterns.group_chat") / "options.schema.json"
SCHEMA = jsonschema_rs.Draft202012Validator(json.loads(FILE.read_text()))


def said_of(fields: dict[str, Any]) -> list[str]:
    assert SCHEMA.is_valid(fields), [error.message for error in SCHEMA.iter_errors(fields)]
    return [message for _, message in problems(fields)]


@pytest.mark.parametrize(
    "fields",
    [
        options(),
        options(speaker={"by": "manager", "agent": "chair", "fallback": "escalate"}),
        options(speaker={"by": "rule", "rule": "eligible[0]", "must_speak": ["ada"]}),
        options(speaker={"by": "bid", "never_after": {"ada": ["ben"]}, "allow_repeat": True}),
        options(method="veto", vetoers=["ben"]),
        options(method="judge", judge="dora"),
        options(method="borda", tie_break=["judge", "human"], judge="dora"),
        options(terminate={"predicate": "size(thread) > 3", "no_progress": False}),
    ],
)
def test_what_the_schema_takes_has_no_problem(fields: dict[str, Any]) -> None:
    assert said_of(fields) == []


@pytest.mark.parametrize(
    "fields",
    [
        options() | {"terminate": {}},
        options(terminate={"max_rounds": 0}),
        options(terminate={"max_rounds": 51}),
        options() | {"consensus": {"method": "majority"}},
        options(tie_break=[]),
        options(tie_break=["earliest_proposal"]),
        options(tie_break=["human", "judge"], judge="dora"),
        options(tie_break=["judge", "human"]),
        options(method="judge"),
        options(method="judge", judge="dora", quorum=2),
        options(method="veto"),
        options(vetoers=["ben"]),
        options(judge="dora"),
        options(method="plurality"),
        options(quorum=0),
        options(participants=("ada",)),
        options(participants=("ada", "ada")),
        options(speaker={"by": "manager"}),
        options(speaker={"by": "rule"}),
        options(speaker={"by": "human"}),
        options(speaker={"agent": "chair"}),
        options(speaker={"fallback": "first"}),
        options(speaker={"unheard": 1}),
    ],
)
def test_what_the_schema_refuses(fields: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(fields)


def test_rules_speak_of_participants_only() -> None:
    speaker = {"must_speak": ["mallory"], "never_after": {"ada": ["dora"], "zoe": ["ada"]}}
    assert sorted(said_of(options(speaker=speaker, method="veto", vetoers=["eve"]))) == [
        "'dora' is not a participant",
        "'eve' is not a participant",
        "'mallory' is not a participant",
        "'zoe' is not a participant",
    ]


def test_a_quorum_that_is_never_met_is_a_problem() -> None:
    assert said_of(options(quorum=4)) == ["a quorum of 4 among 3 participants is never met"]


def test_a_chat_that_ends_before_its_first_ballot_is_a_problem() -> None:
    assert said_of(options(from_round=4)) == ["the chat ends before its first ballot"]


def test_rules_that_leave_nobody_to_speak_are_a_problem() -> None:
    speaker = {"never_after": {"ben": ["ada"], "cleo": ["ada"]}}
    assert said_of(options(speaker=speaker)) == ["nobody may speak after 'ada'"]


def test_the_file_checks_every_expression_with_the_names_it_may_read() -> None:
    fields = options(
        speaker={"by": "rule", "rule": "eligible[0]"}, terminate={"predicate": "round > 1"}
    )
    found = {place: (text, "eligible" in names) for place, text, names in expressions(fields)}
    assert found == {
        ("terminate", "predicate"): ("round > 1", False),
        ("speaker", "rule"): ("eligible[0]", True),
    }


def test_every_agent_a_chat_may_ask_is_named() -> None:
    fields = options(speaker={"by": "manager", "agent": "chair"}, method="judge", judge="dora")
    assert agents_named(fields) == {"ada", "ben", "cleo", "chair", "dora"}
