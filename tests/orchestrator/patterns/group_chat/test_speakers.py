from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from orchestrator.patterns.base import Ask
from tests.orchestrator.patterns.group_chat.panel import (
    all_for_the_first,
    chat,
    new_words,
    options,
    reports,
    speakers,
)
from tests.orchestrator.patterns.world import Answer, Ended, World, always, failed, said


def talk(speaker: Mapping[str, Any], answer: Answer | None = None, rounds: int = 2) -> World:
    """Let the panel bring evidence for some rounds, so that only who speaks matters."""

    def answered(ask: Ask) -> Ended:
        if ask.path == "turn":
            return reports(f"fact {ask.task['turn']}")
        assert answer is not None
        return answer(ask)

    return chat(answered, options(speaker=speaker, terminate={"max_rounds": rounds}))


def names(name: object) -> Ended:
    return said(speaker=name)


def test_the_table_speaks_in_turn() -> None:
    assert speakers(talk({})) == ["ada", "ben", "cleo"] * 2


def test_nobody_speaks_directly_after_whom_it_must_not_follow() -> None:
    spoke = speakers(talk({"never_after": {"ben": ["ada"]}}, rounds=3))
    assert ("ada", "ben") not in set(pairwise(spoke))
    assert spoke[:4] == ["ada", "cleo", "ada", "cleo"]


def test_a_rule_names_the_speaker() -> None:
    rule = {"by": "rule", "rule": "turn % 2 == 0 ? 'cleo' : participants[0]"}
    assert speakers(talk(rule)) == ["cleo", "ada"] * 3


@pytest.mark.parametrize("rule", ["'mallory'", "'ada'", "thread[99].author", "42", "['ben']"])
def test_a_rule_that_names_nobody_eligible_ends_with_a_person(rule: str) -> None:
    world = talk({"by": "rule", "rule": f"turn == 0 ? 'ada' : {rule}" if rule != "42" else rule})
    assert (world.end.state, world.end.error_code) == ("escalated", "no_speaker_chosen")
    assert set(speakers(world)) <= {"ada"}


def test_a_manager_names_the_speaker_among_the_eligible() -> None:
    world = talk({"by": "manager", "agent": "chair"}, lambda ask: names(_last_of(ask)))
    assert speakers(world)[:3] == ["cleo", "ben", "cleo"]
    chosen = next(note for note in world.notes if note.type == "chat.speaker_chosen")
    assert (chosen.decider, chosen.payload["eligible"]) == ("model", ["ada", "ben", "cleo"])


def _last_of(ask: Ask) -> str:
    enum: list[str] = ask.task["answer"]["properties"]["speaker"]["enum"]
    return enum[-1]


def test_a_manager_that_names_nobody_eligible_three_times_ends_with_a_person() -> None:
    world = talk({"by": "manager", "agent": "chair"}, always(names("mallory")))
    assert [ask.path for ask in world.asks] == ["speaker"] * 3
    assert (world.end.state, world.end.error_code) == ("escalated", "no_speaker_chosen")


def test_a_manager_is_told_what_was_wrong_with_its_answer() -> None:
    world = talk({"by": "manager", "agent": "chair"}, always(names(None)))
    assert "error" not in world.asks[0].task
    assert world.asks[1].task["error"]["code"] == "invalid_answer"


def test_a_manager_may_not_name_the_last_speaker_again() -> None:
    world = talk({"by": "manager", "agent": "chair"}, always(names("ada")))
    assert speakers(world) == ["ada"]
    assert world.end.error_code == "no_speaker_chosen"


def test_a_file_may_let_one_speak_twice_in_a_row() -> None:
    rules = {"by": "manager", "agent": "chair", "allow_repeat": True}
    assert speakers(talk(rules, always(names("ada")))) == ["ada"] * 6


def test_the_fallback_takes_the_next_eligible_at_the_table_and_says_so() -> None:
    rules = {
        "by": "manager",
        "agent": "chair",
        "fallback": "round_robin_next_eligible",
        "never_after": {"ben": ["ada"]},
    }
    world = talk(rules, always(failed()))
    assert speakers(world) == ["ada", "cleo"] * 3
    assert {note["by"] for note in world.noted("chat.speaker_chosen")} == {rules["fallback"]}
    assert {note.decider for note in world.notes} == {"rule"}


def test_the_highest_bid_gets_the_floor() -> None:
    bids = {"ada": 10, "ben": 90, "cleo": 20}
    world = talk({"by": "bid"}, lambda ask: said(bid=bids[ask.agent]))
    assert speakers(world) == ["ben", "cleo"] * 3
    assert {ask.kind for ask in world.asks if ask.path.startswith("bid_")} == {"bid"}


def test_equal_bids_go_round_the_table() -> None:
    assert speakers(talk({"by": "bid"}, always(said(bid=5)))) == ["ada", "ben", "cleo"] * 2


@pytest.mark.parametrize("bid", [said(bid=0), said(bid=101), said(bid="all"), failed()])
def test_without_a_bid_a_person_is_asked(bid: Ended) -> None:
    world = talk({"by": "bid"}, always(bid))
    assert world.end.error_code == "no_speaker_chosen"
    assert speakers(world) == []


def test_who_must_speak_speaks_before_the_round_is_over() -> None:
    rules = {"by": "rule", "rule": "eligible[0]", "must_speak": ["cleo"]}
    assert speakers(talk(rules))[:3] == ["ada", "ben", "cleo"]


def test_no_ballot_is_held_before_all_have_spoken_who_must() -> None:
    def answer(ask: Ask) -> Ended:
        if ask.path == "turn" and ask.agent == "cleo" and ask.task["turn"] < 3:
            return failed()
        return all_for_the_first(ask)

    world = chat(answer, options(speaker={"must_speak": ["cleo"]}))
    assert len(speakers(world)) == 6
    assert len(world.noted("chat.ballot_tallied")) == 1


def test_when_the_rules_exclude_everybody_a_person_is_asked() -> None:
    def answer(ask: Ask) -> Ended:
        return new_words(ask) if ask.agent == "ada" else failed()

    fields = options(
        participants=("ada", "ben"), quorum=1, terminate={"max_rounds": 9, "no_progress": False}
    )
    world = chat(answer, fields)
    assert (world.end.state, world.end.error_code) == ("escalated", "no_eligible_speaker")
