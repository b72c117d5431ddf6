from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.models import RUN_FINAL, STEP_FINAL, RunState, StepState
from orchestrator.patterns.base import (
    Ask,
    Finish,
    History,
    Jump,
    PastStep,
    PlannedStep,
    Start,
    Wait,
)
from orchestrator.patterns.registry import pattern_named
from orchestrator.patterns.states import PASSED

decide = pattern_named("sequential").decide
PLAN = [PlannedStep("a", "x"), PlannedStep("b", "x"), PlannedStep("c", "x")]
REVISED = [
    PlannedStep("draft", "x"),
    PlannedStep("review", "x", jumps={"rejected": Jump("draft", 2)}),
    PlannedStep("send", "x"),
]
STATES = st.sampled_from(StepState.values)

plans = st.integers(1, 8).map(lambda n: [PlannedStep(f"s{i}", "x") for i in range(n)])


@st.composite
def histories(draw: st.DrawFn) -> History:
    plan = draw(plans)
    past = [
        PastStep(step.path, 0, draw(STATES))
        for step in draw(st.permutations(plan))
        if draw(st.booleans())
    ]
    return History(plan, past)


def test_a_new_run_starts_with_its_first_step() -> None:
    assert decide(History(PLAN)) == Start([Ask("a")])


def test_the_next_step_starts_when_the_one_before_it_succeeded() -> None:
    assert decide(past(a="succeeded", b="blocked")) == Start([Ask("b")])


def test_a_skipped_step_lets_the_next_one_start() -> None:
    assert decide(past(a="skipped")) == Start([Ask("b")])


def test_a_run_waits_with_its_step_and_says_for_what() -> None:
    assert decide(past(a="succeeded", b="awaiting_approval")) == Wait("awaiting_approval")


def test_a_rejected_step_rejects_the_run() -> None:
    history = History(PLAN, [PastStep("a", 0, "rejected", error_code="gate_rejected")])
    assert decide(history) == Finish("rejected", cause="a", error_code="gate_rejected")


def test_an_escalated_step_asks_a_person_and_starts_nothing() -> None:
    assert decide(past(a="escalated")) == Finish("escalated", cause="a")


def test_all_steps_done_is_success() -> None:
    assert decide(past(a="succeeded", b="succeeded", c="succeeded")) == Finish("succeeded")


@given(histories())
def test_no_step_starts_before_every_step_before_it_passed(history: History) -> None:
    move = decide(history)
    if not isinstance(move, Start):
        return
    [ask] = move.steps
    path = ask.path
    place = [step.path for step in history.plan].index(path)
    for step in history.plan[:place]:
        assert state_of(history, step.path) in PASSED


@given(histories())
def test_equal_histories_give_equal_moves(history: History) -> None:
    copy = History(list(history.plan), [replace(past) for past in history.past])
    assert decide(history) == decide(copy)


@given(histories())
def test_a_run_never_succeeds_while_a_step_has_not_passed(history: History) -> None:
    if decide(history) == Finish("succeeded"):
        assert all(state_of(history, step.path) in PASSED for step in history.plan)


@given(plans, st.data())
def test_every_run_ends_whatever_its_steps_come_to(
    plan: list[PlannedStep], data: st.DataObject
) -> None:
    states: dict[str, str] = {}
    for _ in range(len(plan) + 1):
        move = decide(History(plan, [PastStep(p, 0, s) for p, s in states.items()]))
        if isinstance(move, Finish):
            assert move.state in RUN_FINAL | {RunState.ESCALATED}
            return
        assert isinstance(move, Start), "a step that reached its end is never waited for"
        for path in [ask.path for ask in move.steps]:
            assert path not in states, "no step starts twice"
            states[path] = data.draw(st.sampled_from(sorted([*STEP_FINAL, "escalated"])))
    raise AssertionError("the run did not end")


def test_the_output_is_that_of_the_last_step_that_succeeded() -> None:
    done = [PastStep("a", 0, "succeeded", {"n": 1}), PastStep("b", 0, "succeeded", {"n": 2})]
    move = decide(History(PLAN, [*done, PastStep("c", 0, "skipped")]))
    assert move == Finish("succeeded", output={"n": 2})


def test_a_failure_that_the_file_forgives_lets_the_next_step_start() -> None:
    plan = [PlannedStep("a", "x", on_failure="continue"), PlannedStep("b", "x")]
    assert decide(History(plan, [PastStep("a", 0, "failed")])) == Start([Ask("b")])
    assert decide(History(plan, [PastStep("a", 0, "rejected")])) == Finish("rejected", "a")


def test_a_rejection_sends_the_work_back_and_says_why() -> None:
    why = {"step": "review", "state": "rejected", "error_code": "gate_rejected"}
    again = Ask("draft", 1, task={"again": {**why, "time": 1, "max": 2}})
    assert decide(History(REVISED, draft_rejected(0))) == Start([again])


def test_everything_from_there_is_done_again() -> None:
    past = [*draft_rejected(0), PastStep("draft", 1, "succeeded")]
    assert decide(History(REVISED, past)) == Start([Ask("review", 1)])
    past = [*past, PastStep("review", 1, "succeeded"), PastStep("send", 0, "succeeded")]
    assert decide(History(REVISED, past)) == Finish("succeeded")


def test_the_last_rejection_is_one() -> None:
    past = [step for time in range(3) for step in draft_rejected(time)]
    assert decide(History(REVISED, past)) == Finish("rejected", "review", "gate_rejected")


@given(st.data())
def test_loops_end_whatever_steps_come_to(data: st.DataObject) -> None:
    plan = [
        PlannedStep(f"s{n}", "x", jumps=data.draw(jumps_to([f"s{m}" for m in range(n + 1)])))
        for n in range(data.draw(st.integers(1, 4)))
    ]
    past: list[PastStep] = []
    while isinstance(move := decide(History(plan, past)), Start):
        [ask] = move.steps
        assert (ask.path, ask.iteration) not in {(p.path, p.iteration) for p in past}
        state = data.draw(st.sampled_from(["rejected", "failed", "succeeded"]))
        past.append(PastStep(ask.path, ask.iteration, state))
        assert len(past) < 5000
    assert isinstance(move, Finish)


def jumps_to(paths: list[str]) -> st.SearchStrategy[dict[str, Jump]]:
    jump = st.builds(Jump, st.sampled_from(paths), st.integers(1, 2))
    return st.dictionaries(st.sampled_from(["rejected", "failed"]), jump)


def draft_rejected(time: int) -> list[PastStep]:
    review = PastStep("review", time, "rejected", error_code="gate_rejected")
    return [PastStep("draft", time, "succeeded"), review]


def past(**states: str) -> History:
    return History(PLAN, [PastStep(path, 0, state) for path, state in states.items()])


def state_of(history: History, path: str) -> str | None:
    return next((past.state for past in history.past if past.path == path), None)
