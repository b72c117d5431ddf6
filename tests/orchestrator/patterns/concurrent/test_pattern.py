from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.base import (
    Ask,
    Finish,
    History,
    Move,
    PastStep,
    PlannedStep,
    Start,
    Wait,
)
from orchestrator.patterns.concurrent.pattern import Concurrent
from tests.orchestrator.patterns.concurrent.test_joins import FINAL, rules

decide = Concurrent().decide
PLAN = [PlannedStep(name, "x") for name in "abc"]
STATES = [*FINAL, "running", "awaiting_approval", "escalated", "blocked", "absent"]


def fan(*past: PastStep, **options: Any) -> History:
    return History(PLAN, past, options)


def child(path: str, state: str, order: int = 0, **output: Any) -> PastStep:
    return PastStep(path, 0, state, output, order=order)


def timer(state: str, order: int = 0) -> PastStep:
    return PastStep("deadline", 0, state, kind="timer", order=order)


def finish(move: Move) -> Finish:
    assert isinstance(move, Finish)
    return move


def start(move: Move) -> Start:
    assert isinstance(move, Start)
    return move


def test_all_branches_start_at_once() -> None:
    move = start(decide(fan()))
    assert list(move.steps) == [Ask("a"), Ask("b"), Ask("c")]
    [note] = move.notes
    assert note.payload == {"branches": 3, "max_parallel": 3}


def test_no_more_branches_run_at_once_than_may() -> None:
    assert list(start(decide(fan(max_parallel=2))).steps) == [Ask("a"), Ask("b")]
    held = fan(child("a", "awaiting_approval"), child("b", "escalated"), max_parallel=2)
    assert decide(held) == Wait("awaiting_approval")
    free = fan(child("a", "succeeded", 1), child("b", "running"), max_parallel=2)
    assert decide(free) == Start([Ask("c")])


def test_work_under_way_is_a_better_reason_than_people_to_wait_for() -> None:
    history = fan(child("a", "awaiting_approval"), child("b", "running"), child("c", "ready"))
    assert decide(history) == Wait("running")


def test_a_branch_that_needs_a_person_holds_up_no_other() -> None:
    stuck = replace(child("a", "escalated"), error_code="crashed")
    assert decide(fan(stuck, child("b", "running"), child("c", "ready"))) == Wait("running")
    done = fan(
        stuck, child("b", "succeeded", 1), child("c", "failed", 2), on_branch_failure="quorum"
    )
    assert finish(decide(done)).state == "failed", "all can no longer be met"
    done = fan(stuck, child("b", "succeeded", 1), child("c", "succeeded", 2))
    assert decide(done) == Finish("escalated", "a", "crashed")


def test_a_join_without_the_escalated_branch_needs_nobody() -> None:
    history = fan(
        child("a", "escalated"),
        child("b", "succeeded", 1),
        child("c", "running"),
        join={"policy": "any"},
    )
    move = finish(decide(history))
    assert move.state == "succeeded"
    assert move.cancel == [("a", 0), ("c", 0)]


def test_the_output_names_what_failed_beside_what_succeeded() -> None:
    failed = replace(child("b", "failed", 1), error_code="crashed")
    history = fan(
        failed,
        child("a", "succeeded", 2, n=1),
        child("c", "skipped", 3),
        join={"policy": "all_settled"},
    )
    output = finish(decide(history)).output
    assert output["branches"] == [
        {"branch": "a", "state": "succeeded"},
        {"branch": "b", "state": "failed", "error_code": "crashed"},
        {"branch": "c", "state": "skipped"},
    ]
    assert output["counts"] | {"of": 3, "succeeded": 1, "failed": 1} == output["counts"]
    assert output["counts"]["not_succeeded"] == 2
    assert output["result"] == [{"branch": "a", "output": {"n": 1}}]


def test_what_ended_late_is_told_but_not_used() -> None:
    history = fan(child("c", "succeeded", 1), child("a", "succeeded", 2), join={"policy": "any"})
    output = finish(decide(history)).output
    assert [line["state"] for line in output["branches"]] == ["late", "not_started", "succeeded"]
    assert [line["branch"] for line in output["result"]] == ["c"]


def test_losers_may_finish_if_they_need_no_person() -> None:
    past = [child("a", "succeeded", 1), child("b", "running"), child("c", "escalated")]
    move = finish(decide(fan(*past, join={"policy": "any", "losers": "let_finish"})))
    assert move.cancel == [("c", 0)]
    states = [line["state"] for line in move.output["branches"]]
    assert states == ["succeeded", "unfinished", "cancelled"]


def test_a_failure_takes_the_others_with_it() -> None:
    past = [child("a", "failed", 1), child("b", "running"), child("c", "blocked")]
    move = finish(decide(fan(*past, join={"losers": "let_finish"})))
    assert (move.state, move.cause) == ("failed", "a")
    assert move.cancel == [("b", 0), ("c", 0)]


def test_a_deadline_is_a_timer_that_runs_beside_the_branches() -> None:
    join = {"policy": "deadline", "deadline": "30m"}
    [*branches, alarm] = start(decide(fan(join=join, max_parallel=1))).steps
    assert branches == [Ask("a")]
    assert alarm == Ask("deadline", kind="timer", task={"after": "30m"})


def test_at_the_deadline_what_is_there_is_taken() -> None:
    past = [child("a", "succeeded", 1), child("b", "running"), timer("succeeded", 2)]
    move = finish(decide(fan(*past, join={"policy": "deadline", "deadline": "30m"})))
    assert (move.state, move.cancel) == ("succeeded", [("b", 0)])
    move = finish(decide(fan(*past, join={"policy": "all", "deadline": "30m"})))
    assert (move.state, move.error_code) == ("timed_out", "deadline")


def test_a_join_that_fired_stops_its_timer() -> None:
    past = [child("a", "succeeded", 1), child("b", "running"), timer("backoff")]
    join = {"policy": "any", "deadline": "30m", "losers": "let_finish"}
    assert finish(decide(fan(*past, join=join))).cancel == [("deadline", 0)]


def test_a_timer_is_no_reason_to_call_the_run_busy() -> None:
    past = [child("a", "awaiting_approval"), child("b", "escalated"), child("c", "escalated")]
    join = {"policy": "all", "deadline": "30m"}
    assert decide(fan(*past, timer("running"), join=join)) == Wait("awaiting_approval")


def test_an_answer_that_cannot_be_used_is_a_failure() -> None:
    aggregate = {"reduce": "prioritise", "from": "findings"}
    [ask, *_] = start(decide(fan(aggregate=aggregate))).steps
    assert ask.task["answer"]["required"] == ["findings"]
    past = [child("a", "succeeded", 1, findings=[{}]), child("b", "succeeded", 2, findings="no")]
    settled = {"policy": "all_settled"}
    move = finish(decide(fan(*past, child("c", "skipped", 3), aggregate=aggregate, join=settled)))
    assert move.output["branches"][1] == {
        "branch": "b",
        "state": "failed",
        "error_code": "invalid_answer",
    }
    assert move.output["result"]["items"] == [{}]


def test_results_that_do_not_become_one_fail_the_block() -> None:
    past = [child(path, "succeeded", n, verdict=path) for n, path in enumerate("abc", 1)]
    move = finish(decide(fan(*past, aggregate={"reduce": "vote", "by": "verdict"})))
    assert (move.state, move.error_code) == ("failed", "vote_undecided")


def test_an_agent_aggregates_and_is_told_of_every_branch() -> None:
    options = {"aggregate": {"agent": "writer"}, "join": {"policy": "quorum", "success": 1}}
    past = [child("a", "failed", 1), child("b", "succeeded", 2, n=1), child("c", "running")]
    move = start(decide(fan(*past, **options)))
    [ask] = move.steps
    assert (ask.path, ask.agent, move.cancel) == ("aggregate", "writer", [("c", 0)])
    assert ask.task["branches"] == [
        {"branch": "a", "state": "failed"},
        {"branch": "b", "state": "succeeded", "output": {"n": 1}},
        {"branch": "c", "state": "cancelled"},
    ]
    past = [*past[:2], child("c", "succeeded", 3, n=2)]
    assert decide(fan(*past, child("aggregate", "running"), **options)) == Wait("running")
    done = finish(decide(fan(*past, child("aggregate", "succeeded", 4, text="."), **options)))
    assert (done.output["result"], list(done.notes)) == ({"text": "."}, [])
    assert done.output["branches"][2]["state"] == "late"
    lost = finish(decide(fan(*past, child("aggregate", "timed_out", 4), **options)))
    assert (lost.state, lost.cause) == ("failed", "aggregate")


def test_a_list_above_its_cap_needs_a_person() -> None:
    foreach = {"in": "[1, 2]", "as": "n", "cap": 1}
    move = decide(History([PlannedStep("do", "x")], options={"foreach": foreach}))
    assert finish(move).error_code == "limit_reached"
    assert finish(move).state == "escalated"


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Any past whatever, also of states that no engine would bring about."""
    plan = [PlannedStep(f"b{n}", "x") for n in range(draw(st.integers(1, 5)))]
    options = draw(rules()) | {"max_parallel": draw(st.integers(1, 5))}
    options["join"]["losers"] = draw(st.sampled_from(["cancel", "let_finish"]))
    states = {step.path: draw(st.sampled_from(STATES)) for step in plan}
    ranks = draw(st.permutations(range(1, len(plan) + 2)))
    past = [
        PastStep(path, 0, state, {"n": path}, order=rank if state in FINAL else 0)
        for (path, state), rank in zip(states.items(), ranks, strict=False)
        if state != "absent"
    ]
    if options["join"]["policy"] == "deadline" or draw(st.booleans()):
        options["join"]["deadline"] = "1m"
        state = draw(st.sampled_from(["backoff", "succeeded"]))
        past.append(timer(state, ranks[-1] if state == "succeeded" else 0))
    return History(plan, past, options)


@given(histories(), st.randoms())
def test_equal_histories_give_equal_moves_however_they_are_told(
    history: History, random: Any
) -> None:
    past = list(history.past)
    random.shuffle(past)
    assert decide(replace(history, past=past)) == decide(history)


@given(histories())
def test_no_branch_starts_twice_and_none_beyond_the_room_there_is(history: History) -> None:
    move = decide(history)
    if not isinstance(move, Start):
        return
    begun = {past.path for past in history.past if past.state != "blocked"}
    assert not begun & {ask.path for ask in move.steps}
    busy = [p for p in history.past if p.state not in {*FINAL, "blocked"} and p.kind != "timer"]
    assert len(busy) + len(move.steps) <= max(history.options["max_parallel"], len(busy))


@given(histories())
def test_a_join_fires_at_the_same_end_whoever_looks_when(history: History) -> None:
    def as_of(rank: int) -> History:
        """The history when only so many ends had been seen; the others were under way."""
        seen = [
            replace(past, state="running", order=0) if past.order > rank else past
            for past in history.past
        ]
        return replace(history, past=seen)

    last = max((past.order for past in history.past), default=0)
    moves = [decide(as_of(rank)) for rank in range(last + 1)]
    fired = [move for move in moves if isinstance(move, Finish) and move.state != "escalated"]
    assert len({(move.state, move.cause, str(move.output.get("result"))) for move in fired}) <= 1
    assert moves[len(moves) - len(fired) :] == fired, "a join that fired is open again"


@given(histories())
def test_a_finished_block_leaves_nobody_at_work_unless_losers_may_finish(
    history: History,
) -> None:
    move = decide(history)
    if not isinstance(move, Finish) or move.state == "escalated":
        return
    open_ones = {p.path for p in history.past if p.state not in FINAL}
    left = open_ones - {path for path, _ in move.cancel}
    assert {path for path, _ in move.cancel} <= open_ones
    assert not left or history.options["join"]["losers"] == "let_finish"
    assert move.state == "succeeded" or not left
