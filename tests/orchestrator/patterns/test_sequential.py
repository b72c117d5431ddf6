from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.models import RUN_FINAL, STEP_FINAL, RunState, StepState
from orchestrator.patterns.base import Ask, Finish, History, PastStep, PlannedStep, Start, Wait
from orchestrator.patterns.registry import pattern_named
from orchestrator.patterns.sequential import PASSED

decide = pattern_named("sequential").decide
PLAN = [PlannedStep("a", "x"), PlannedStep("b", "x"), PlannedStep("c", "x")]
STATES = st.sampled_from(StepState.values)

plans = st.integers(1, 8).map(lambda n: [PlannedStep(f"s{i}", "x") for i in range(n)])


@st.composite
def histories(draw: st.DrawFn) -> History:
    plan = draw(plans)
    past = [
        PastStep(step.path, iteration, draw(STATES))
        for step in draw(st.permutations(plan))
        for iteration in range(draw(st.integers(0, 2)))
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
        assert latest_state(history, step.path) in PASSED


@given(histories())
def test_equal_histories_give_equal_moves(history: History) -> None:
    copy = History(list(history.plan), [replace(past) for past in history.past])
    assert decide(history) == decide(copy)


@given(histories())
def test_a_run_never_succeeds_while_a_step_has_not_passed(history: History) -> None:
    if decide(history) == Finish("succeeded"):
        assert all(latest_state(history, step.path) in PASSED for step in history.plan)


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


def past(**states: str) -> History:
    return History(PLAN, [PastStep(path, 0, state) for path, state in states.items()])


def latest_state(history: History, path: str) -> str | None:
    found = [past for past in history.past if past.path == path]
    return max(found, key=lambda past: past.iteration).state if found else None
