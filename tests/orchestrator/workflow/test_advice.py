from collections.abc import Iterator
from itertools import product

import pytest

from orchestrator.workflow.advice.advising import advise
from orchestrator.workflow.advice.options import APPROACHES, PATTERNS, TOPOLOGIES
from orchestrator.workflow.advice.questions import QUESTIONS, asked, missing
from orchestrator.workflow.loading import parse, warnings_in
from orchestrator.workflow.shape import known_topologies
from orchestrator.workflow.source import read


def leaves() -> Iterator[dict[str, str]]:
    choices = ([(one.name, choice.value) for choice in one.choices] for one in QUESTIONS)
    seen = []
    for answers in map(dict, product(*choices)):
        leaf = {one.name: answers[one.name] for one in asked(answers)}
        if leaf not in seen:
            seen.append(leaf)
            yield leaf


LEAVES = list(leaves())


@pytest.mark.parametrize("answers", LEAVES, ids=lambda leaf: "-".join(leaf.values()))
def test_every_leaf_of_the_tree_ends_in_a_file_that_is_in_order(answers: dict[str, str]) -> None:
    advice = advise(answers)
    definition = parse(advice.starter, "starter.yaml")
    plain = read(advice.starter, "starter.yaml").value
    if advice.pattern and advice.topology:
        patterns = {step.get("pattern", "sequential") for step in plain["steps"]}
        assert advice.pattern.name in patterns
        assert definition.topology == advice.topology.name
        assert warnings_in(advice.starter, "starter.yaml") == []
    else:
        assert len(plain["steps"]) == 1


def test_the_tree_leads_to_every_approach_pattern_and_topology() -> None:
    found = [advise(answers) for answers in LEAVES]
    assert {advice.approach.name for advice in found} == set(APPROACHES)
    assert {advice.pattern.name for advice in found if advice.pattern} == set(PATTERNS)
    assert {advice.topology.name for advice in found if advice.topology} == known_topologies()
    assert known_topologies() <= set(TOPOLOGIES)
    assert len(LEAVES) == 2 + 2 * 2 * 5 * len(known_topologies())


def test_whoever_asks_people_gets_a_file_that_asks_people() -> None:
    for answers in LEAVES:
        asks = any(word in advise(answers).starter for word in ("postpone", "gates:", "always"))
        assert asks == (answers["oversight"] == "yes")


def test_rules_alone_decide_only_where_no_model_has_to() -> None:
    for answers in LEAVES:
        advice = advise(answers)
        by_rule = advice.pattern is not None and advice.pattern.name in {
            "sequential",
            "concurrent",
        }
        is_standard = advice.approach.name == "standard"
        assert ("rules_only" in advice.starter) == (is_standard and by_rule)


def test_an_open_question_is_named_and_an_unknown_answer_is_none() -> None:
    assert [one.name for one in missing({"agents": "one"})] == ["oversight"]
    assert missing({"agents": "perhaps"})[0].name == "agents"
    with pytest.raises(ValueError, match="coordination"):
        advise({"agents": "several", "oversight": "no"})
