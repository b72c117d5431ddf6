from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.concurrent.reducers import ReduceError, answer_schema, reduced

BY_FILE = {"reduce": "dedupe", "from": "findings", "key": ["rule", "file"]}
GRAVEST = {"reduce": "prioritise", "from": "findings", "by": "severity"}
VOTE = {"reduce": "vote", "by": "verdict"}

severities = st.one_of(
    st.sampled_from(["critical", "high", "medium", "low", "info", "Critical ", "fine", ""]),
    st.none(),
    st.integers(-5, 5),
    st.booleans(),
)
findings = st.lists(
    st.fixed_dictionaries({}, optional={"severity": severities, "rule": st.integers(0, 3)}),
    max_size=6,
)
reports = st.lists(findings, max_size=5).map(
    lambda lists: {str(n): {"findings": found} for n, found in enumerate(lists)}
)


def found(*findings: dict[str, Any]) -> dict[str, Any]:
    return {"findings": list(findings)}


def test_results_are_collected_in_the_order_given() -> None:
    assert reduced({"reduce": "collect"}, {"b": {"n": 1}, "a": {}}) == [
        {"branch": "b", "output": {"n": 1}},
        {"branch": "a", "output": {}},
    ]


def test_results_merge_unless_they_contradict_one_another() -> None:
    merge = {"reduce": "merge"}
    assert reduced(merge, {"a": {"x": 1, "y": [1]}, "b": {"y": [1], "z": 2}}) == {
        "x": 1,
        "y": [1],
        "z": 2,
    }
    with pytest.raises(ReduceError, match="'x'") as raised:
        reduced(merge, {"a": {"x": 1}, "b": {"x": True}})
    assert raised.value.code == "state_conflict"


def test_the_first_of_two_equal_findings_stays() -> None:
    one = {"rule": "r1", "file": "a.py", "seen": 1}
    result = reduced(BY_FILE, {"a": found(one), "b": found({**one, "seen": 2})})
    assert result == {"items": [one], "duplicates": 1}


def test_a_finding_without_a_whole_key_is_nobodys_duplicate() -> None:
    half = {"rule": "r1"}
    assert reduced(BY_FILE, {"a": found(half, half)})["items"] == [half, half]


def test_the_gravest_finding_comes_first_and_an_unknown_one_before_it() -> None:
    said = ["low", "critical", "harmless", "HIGH"]
    result = reduced(GRAVEST, {"a": found(*({"severity": word} for word in said))})
    assert [item["severity"] for item in result["items"]] == [
        "harmless",
        "critical",
        "HIGH",
        "low",
    ]
    assert result["severities"] == {
        "critical": 1,
        "high": 1,
        "medium": 0,
        "low": 1,
        "info": 0,
        "unknown": 1,
    }


def test_numbers_are_prioritised_from_the_highest_down() -> None:
    rule = {"reduce": "prioritise", "from": "findings", "by": "score"}
    result = reduced(rule, {"a": found({"score": 2}, {"score": 9.5}), "b": found({"score": 7})})
    assert [item["score"] for item in result["items"]] == [9.5, 7, 2]


def test_the_gravest_severity_is_told() -> None:
    rule = {"reduce": "max_severity", "from": "findings"}
    low, high = {"severity": "low"}, {"severity": "high"}
    assert reduced(rule, {"a": found(low), "b": found(high)}) == {"severity": "high"}
    assert reduced(rule, {"a": found(low), "b": found({})}) == {"severity": "unknown"}
    assert reduced(rule, {"a": found()}) == {"severity": "none"}


def test_more_than_half_of_the_votes_win() -> None:
    votes = {"a": {"verdict": "ship"}, "b": {"verdict": "hold"}, "c": {"verdict": "ship"}}
    assert reduced(VOTE, votes) == {
        "winner": "ship",
        "tally": [{"value": "ship", "votes": 2}, {"value": "hold", "votes": 1}],
    }


@pytest.mark.parametrize("votes", [[], ["a", "b"], ["a", "b", "c"], [1, True]])
def test_a_vote_without_a_majority_is_undecided(votes: list[Any]) -> None:
    with pytest.raises(ReduceError) as raised:
        reduced(VOTE, {str(n): {"verdict": vote} for n, vote in enumerate(votes)})
    assert raised.value.code == "vote_undecided"


def test_branches_are_told_what_the_reducer_needs() -> None:
    assert answer_schema(GRAVEST)["required"] == ["findings"]
    assert answer_schema(VOTE)["required"] == ["verdict"]
    assert answer_schema({"agent": "writer"}) == {"type": "object"}


@given(reports)
def test_no_finding_is_lost_and_none_is_invented(reports: dict[str, Any]) -> None:
    said = [finding for report in reports.values() for finding in report["findings"]]
    result = reduced(GRAVEST, reports)
    assert sorted(map(repr, result["items"])) == sorted(map(repr, said))
    assert sum(result["severities"].values()) == len(said)
    unique = reduced({**BY_FILE, "key": ["rule"]}, reports)
    assert len(unique["items"]) + unique["duplicates"] == len(said)


@given(reports)
def test_severity_never_falls_down_the_list(reports: dict[str, Any]) -> None:
    grades = ["critical", "high", "medium", "low", "info"]
    words = [item.get("severity") for item in reduced(GRAVEST, reports)["items"]]
    known = [w.strip().lower() for w in words if isinstance(w, str)]
    order = [grades.index(word) for word in known if word in grades]
    assert order == sorted(order)
