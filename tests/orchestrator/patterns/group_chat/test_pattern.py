from dataclasses import replace

import pytest

from orchestrator.patterns.base import Ask, Finish, Start, Wait
from orchestrator.patterns.group_chat.pattern import GroupChat
from tests.orchestrator.patterns.group_chat.panel import (
    all_for_the_first,
    chat,
    each_proposes,
    new_words,
    options,
    proposes,
    reports,
    speakers,
    talks,
    votes_for,
)
from tests.orchestrator.patterns.world import Ended, World, always, failed, said, under_way


def test_a_round_of_turns_a_ballot_and_the_proposal_that_won() -> None:
    world = chat(all_for_the_first)
    assert speakers(world) == ["ada", "ben", "cleo"]
    assert world.end.state == "succeeded"
    assert world.end.output["decision"] == "consensus"
    assert world.end.output["proposal"] == {
        "id": "p1",
        "author": "ada",
        "text": "Plan 0 of ada",
        "data": {},
    }
    assert world.end.output["tally"]["points"] == {"p1": 3, "p2": 0, "p3": 0}


def test_the_thread_is_one_numbered_list_with_votes_after_their_ballot() -> None:
    thread = chat(all_for_the_first).end.output["thread"]
    assert [entry["seq"] for entry in thread] == list(range(6))
    assert [entry["kind"] for entry in thread] == ["proposal"] * 3 + ["vote"] * 3
    assert [entry["author"] for entry in thread] == ["ada", "ben", "cleo"] * 2
    assert thread[3]["refs"] == ["p1"]


def test_nobody_sees_a_vote_before_the_ballot_is_closed() -> None:
    votes = [ask for ask in chat(all_for_the_first).asks if ask.path.startswith("vote_")]
    assert [ask.agent for ask in votes] == ["ada", "ben", "cleo"]
    assert not any(line["kind"] == "vote" for ask in votes for line in ask.task["thread"])


def test_who_has_to_vote_again_is_told_why_and_still_sees_no_vote() -> None:
    def answer(ask: Ask) -> Ended:
        spoilt = ask.path == "vote_ben" and ask.iteration == 0
        return votes_for("p9") if spoilt else all_for_the_first(ask)

    world = chat(answer)
    again = world.asks[-1]
    assert (again.path, again.iteration) == ("vote_ben", 1)
    assert again.task["error"]["code"] == "invalid_answer"
    assert not any(line["kind"] == "vote" for line in again.task["thread"])
    assert world.end.output["tally"]["points"]["p1"] == 3


def test_a_ballot_that_decides_nothing_is_recorded_once_and_the_talk_goes_on() -> None:
    world = chat(each_proposes)
    assert [tally["outcome"] for tally in world.noted("chat.ballot_tallied")] == ["undecided"] * 3
    assert (world.end.state, world.end.error_code) == ("escalated", "limit_reached")
    assert world.end.output["proposal"] is None
    assert len(speakers(world)) == 9


def test_a_tally_is_recorded_with_all_of_its_papers() -> None:
    [tally] = chat(all_for_the_first).noted("chat.ballot_tallied")
    assert tally["papers"] == {name: {"vote": "p1"} for name in ("ada", "ben", "cleo")}
    assert (tally["winner"], tally["decided_by"], tally["cast"]) == ("p1", "votes", 3)


def tied(ask: Ask) -> Ended:
    if ask.path == "turn":
        return proposes() if ask.agent != "cleo" else talks("I listen")
    if ask.path == "judge":
        return votes_for("p2")
    choices = {"ada": votes_for("p1"), "ben": votes_for("p2"), "cleo": said(abstain=True)}
    return choices[ask.agent]


def test_a_tie_ends_with_a_person_who_gets_the_tally() -> None:
    end = chat(tied).end
    assert (end.state, end.error_code) == ("escalated", "tie")
    assert end.output["tally"]["leaders"] == ["p1", "p2"]
    assert end.output["proposal"] is None


def test_the_earliest_proposal_may_break_a_tie() -> None:
    world = chat(tied, options(tie_break=["earliest_proposal", "human"]))
    assert world.end.output["proposal"]["id"] == "p1"
    assert world.end.output["tally"]["decided_by"] == "earliest_proposal"
    assert world.noted("chat.tie_broken") == [
        {"winner": "p1", "leaders": ["p1", "p2"], "by": "earliest_proposal"}
    ]


def test_a_judge_may_break_a_tie() -> None:
    world = chat(tied, options(tie_break=["judge", "human"], judge="dora"))
    assert world.end.output["proposal"]["id"] == "p2"
    assert world.end.output["tally"]["decided_by"] == "judge"
    assert len(world.noted("chat.ballot_tallied")) == 1
    [broken] = [note for note in world.notes if note.type == "chat.tie_broken"]
    assert broken.decider == "model"


def test_a_judge_who_names_no_leader_three_times_leaves_the_tie_to_a_person() -> None:
    def lost(ask: Ask) -> Ended:
        return votes_for("p9") if ask.path == "judge" else tied(ask)

    world = chat(lost, options(tie_break=["judge", "human"], judge="dora"))
    assert [ask.agent for ask in world.asks if ask.path == "judge"] == ["dora"] * 3
    assert (world.end.state, world.end.error_code) == ("escalated", "tie")


def test_a_judge_alone_decides_where_the_method_says_so() -> None:
    def answer(ask: Ask) -> Ended:
        return votes_for("p3") if ask.path == "vote_dora" else each_proposes(ask)

    world = chat(answer, options(method="judge", judge="dora"))
    assert world.end.output["proposal"]["author"] == "cleo"
    [tallied] = [note for note in world.notes if note.type == "chat.ballot_tallied"]
    assert tallied.decider == "model"


def test_a_judge_who_cannot_judge_ends_with_a_person() -> None:
    def answer(ask: Ask) -> Ended:
        return failed() if ask.path == "vote_dora" else each_proposes(ask)

    world = chat(answer, options(method="judge", judge="dora"))
    assert (world.end.state, world.end.error_code) == ("escalated", "quorum_unreachable")


def test_ballots_may_start_with_a_later_round() -> None:
    world = chat(all_for_the_first, options(from_round=2))
    assert len(speakers(world)) == 6
    assert len(world.noted("chat.ballot_tallied")) == 1


def test_abstaining_does_not_fill_a_quorum() -> None:
    def answer(ask: Ask) -> Ended:
        if ask.path == "turn":
            return proposes(str(ask.task["turn"]))
        return votes_for("p1") if ask.agent == "ada" else said(abstain=True)

    world = chat(answer)
    assert {tally["outcome"] for tally in world.noted("chat.ballot_tallied")} == {"no_quorum"}
    assert world.end.error_code == "limit_reached"


def test_who_is_out_of_service_is_not_asked_to_vote_and_fills_no_quorum() -> None:
    world = chat(all_for_the_first, options(quorum=2), absent={"ben"})
    assert world.end.output["tally"]["cast"] == 2
    assert "vote_ben" not in [ask.path for ask in world.asks]
    world = chat(all_for_the_first, options(quorum=3), absent={"ben"})
    assert (world.end.state, world.end.error_code) == ("escalated", "quorum_unreachable")
    assert not [ask for ask in world.asks if ask.path.startswith("vote")]


def test_a_vote_counts_no_more_once_its_voter_is_out_of_service_but_its_veto_stands() -> None:
    def answer(ask: Ask) -> Ended:
        if ask.path == "vote_ben":
            return said(vote="p2", veto=["p1"])
        return all_for_the_first(ask)

    world = chat(answer, options(method="veto", vetoers=["ben"], quorum=2))
    closed = replace(world.history, past=[*world.history.past][:6], absent={"ben"})
    goes_on = GroupChat().decide(closed)
    assert isinstance(goes_on, Start)
    [tallied] = [note for note in goes_on.notes if note.type == "chat.ballot_tallied"]
    assert (tallied.payload["outcome"], tallied.payload["cast"]) == ("undecided", 2)
    assert tallied.payload["vetoed"] == ["p1"]
    alone = replace(closed, absent={"ada", "ben"})
    end = GroupChat().decide(alone)
    assert isinstance(end, Finish)
    assert end.error_code == "quorum_unreachable"


def test_a_judge_out_of_service_decides_nothing() -> None:
    world = chat(each_proposes, options(method="judge", judge="dora"), absent={"dora"})
    assert world.end.error_code == "quorum_unreachable"
    assert "dora" not in [ask.agent for ask in world.asks]


def test_a_participant_that_fails_loses_its_turn_and_is_told_why() -> None:
    def answer(ask: Ask) -> Ended:
        if ask.path != "turn":
            return said(abstain=True)
        return said(kind="shout", text="!") if ask.task["turn"] == 0 else new_words(ask)

    world = chat(answer)
    assert world.asks[3].agent == "ada"
    assert world.asks[3].task["error"]["code"] == "invalid_answer"
    assert [entry["author"] for entry in world.end.output["thread"]][:2] == ["ben", "cleo"]


def test_a_participant_that_fails_three_times_is_removed() -> None:
    def answer(ask: Ask) -> Ended:
        return failed() if ask.agent == "ben" else all_for_the_first(ask)

    world = chat(answer)
    assert [ask.path for ask in world.asks if ask.agent == "ben"] == ["turn"] + ["vote_ben"] * 2
    assert world.noted("chat.participant_removed") == [
        {"participant": "ben", "strikes": 3, "turn": 3}
    ]
    assert world.end.state == "succeeded"


def test_a_panel_below_its_quorum_ends_with_a_person() -> None:
    def answer(ask: Ask) -> Ended:
        return all_for_the_first(ask) if ask.agent == "ada" else failed()

    world = chat(answer)
    assert (world.end.state, world.end.error_code) == ("escalated", "quorum_unreachable")
    removed = [note["participant"] for note in world.noted("chat.participant_removed")]
    assert removed == ["ben", "cleo"]
    assert world.end.output["tally"]["papers"] == {"ada": {"vote": "p1"}}


def test_a_ballot_that_can_no_longer_count_is_not_waited_for_nor_recorded_as_one() -> None:
    def answer(ask: Ask) -> Ended:
        fails = ask.agent == "ben" or ask.path == "vote_cleo"
        return failed() if fails else all_for_the_first(ask)

    world = chat(answer, options(quorum=3))
    assert [ask.path for ask in world.asks].count("vote_cleo") == 2
    assert world.end.error_code == "quorum_unreachable"
    assert world.noted("chat.ballot_tallied") == []


def test_one_who_must_speak_and_cannot_ends_with_a_person() -> None:
    def answer(ask: Ask) -> Ended:
        return failed() if ask.agent == "ben" else all_for_the_first(ask)

    world = chat(answer, options(speaker={"must_speak": ["ben"]}))
    assert world.noted("chat.ballot_tallied") == []
    assert (world.end.state, world.end.error_code) == ("escalated", "participant_lost")


def test_a_chat_that_repeats_itself_ends_with_a_person() -> None:
    world = chat(lambda ask: talks(["I agree!", "i  agree", "I agree."][ask.task["turn"] % 3]))
    assert (world.end.state, world.end.error_code) == ("escalated", "no_progress")
    assert len(speakers(world)) == 3


def test_two_rounds_without_news_end_with_a_person() -> None:
    world = chat(new_words, options(terminate={"max_rounds": 9}))
    assert (world.end.error_code, len(speakers(world))) == ("no_progress", 6)


def test_a_file_may_let_a_chat_go_on_without_news() -> None:
    world = chat(new_words, options(terminate={"max_rounds": 9, "no_progress": False}))
    assert (world.end.error_code, len(speakers(world))) == ("limit_reached", 27)


def test_a_predicate_of_the_file_ends_a_chat_well() -> None:
    rules = {"predicate": "size(thread) >= inputs.enough && thread[0].kind == 'evidence'"}
    world = chat(
        lambda ask: reports(f"fact {ask.task['turn']}"),
        options(terminate=rules),
        inputs={"enough": 2},
    )
    assert (world.end.state, world.end.output["decision"]) == ("succeeded", "predicate")
    assert world.end.output["proposal"] is None
    assert speakers(world) == ["ada", "ben"]


def test_a_predicate_that_cannot_be_evaluated_does_not_hold() -> None:
    world = chat(new_words, options(terminate={"predicate": "thread[9].data.fixed"}))
    assert world.end.state == "escalated"


def test_a_full_list_of_proposals_takes_no_more() -> None:
    def answer(ask: Ask) -> Ended:
        return proposes(str(ask.task["turn"])) if ask.path == "turn" else said(abstain=True)

    world = chat(answer, options(max_proposals=2))
    assert list(world.asks[2].task["proposals"]) == ["p1", "p2"]
    assert world.asks[2].task["answer"]["properties"]["kind"]["enum"] == ["message", "evidence"]
    assert world.asks[-1].task["proposals"].keys() == {"p1", "p2"}


def test_the_data_of_the_chosen_proposal_is_handed_on() -> None:
    def answer(ask: Ask) -> Ended:
        return proposes("Isolate it", host="db1") if ask.path == "turn" else votes_for("p1")

    assert chat(answer).end.output["proposal"]["data"] == {"host": "db1"}


@pytest.mark.parametrize("state", ["ready", "running", "backoff", "awaiting_approval"])
def test_a_turn_under_way_is_waited_for(state: str) -> None:
    assert GroupChat().decide(under_way(chat(all_for_the_first), state)) == Wait(state)


def test_a_rejected_action_of_a_participant_rejects_the_chat_and_ends_the_other_turns() -> None:
    def answer(ask: Ask) -> Ended:
        if ask.path == "vote_ben":
            return Ended("rejected", {}, "gate_rejected")
        return all_for_the_first(ask)

    end = chat(answer).end
    assert (end.state, end.cause, end.error_code) == ("rejected", "vote_ben", "gate_rejected")


def test_a_turn_that_needs_a_person_stops_the_chat_there() -> None:
    world = chat(always(Ended("escalated", {}, "ambiguous_effect")))
    assert world.end == Finish("escalated", cause="turn", error_code="ambiguous_effect")


def test_every_decision_says_who_made_it() -> None:
    world: World = chat(all_for_the_first)
    assert {(note.type, note.decider) for note in world.notes} == {
        ("chat.speaker_chosen", "rule"),
        ("chat.ballot_tallied", "rule"),
    }
