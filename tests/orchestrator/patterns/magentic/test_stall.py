from typing import Any

import pytest

from orchestrator.patterns.base import PastStep
from orchestrator.patterns.magentic.results import Result, result_of
from orchestrator.patterns.magentic.stall import Signals, signals_of, stalls_after
from tests.orchestrator.patterns.magentic.team import as_item


def brought(agent: str = "fixer", state: str = "succeeded", **output: Any) -> Result:
    turn = PastStep(f"item_{agent}", 0, state, output)
    return result_of(turn, as_item(agent=agent), round=1, plan_version=1)


def made(number: int) -> dict[str, str]:
    return {"name": "patch", "digest": f"sha256:{number:064x}"}


def signals(*rounds: list[Result], since: int = 0) -> Signals:
    return signals_of(rounds, since=since)


def test_nothing_is_said_of_work_that_has_not_begun() -> None:
    assert signals() == Signals()
    assert signals([brought(a=1)], since=1) == Signals()


def test_a_round_that_brings_what_was_brought_before_repeats_it() -> None:
    assert not signals([brought(a=1)]).repeat_hash
    assert signals([brought(a=1)], [brought(a=2)], [brought(a=1)]).repeat_hash


def test_one_new_thing_is_enough_not_to_repeat() -> None:
    assert not signals([brought(a=1)], [brought(a=1), brought("tester", a=1)]).repeat_hash


def test_a_round_that_brings_nothing_is_a_repetition() -> None:
    assert signals([]).repeat_hash


def test_failing_twice_the_same_way_is_a_repetition() -> None:
    assert signals([brought(state="failed")], [brought(state="failed")]).repeat_hash


def test_what_an_earlier_plan_brought_is_not_new() -> None:
    assert signals([brought(a=1)], [brought(a=1)], since=1).repeat_hash


def test_rounds_without_a_new_artifact_are_counted_once_there_was_one() -> None:
    first = [brought(artifacts=[made(1)])]
    again = [[brought(artifacts=[made(1)], n=n)] for n in range(3)]
    assert signals(*again[:1]).no_new_artifact_rounds == 0
    assert [signals(first, *again[:n]).no_new_artifact_rounds for n in range(4)] == [0, 1, 2, 3]
    assert signals(first, *again).fire
    assert not signals(first, *again[:2]).fire
    assert signals(first, *again, [brought(artifacts=[made(2)])]).no_new_artifact_rounds == 0


def test_work_without_artifacts_is_not_measured_by_them() -> None:
    assert not signals(*[[brought(n=n)] for n in range(9)]).fire


@pytest.mark.parametrize(
    ("reported", "times"),
    [([3], 1), ([3, 3], 2), ([3, 2], 1), ([0, 0, 0], 0), ([3, 0], 0), ([3, 3, 1, 1], 2)],
)
def test_the_same_number_of_errors_in_a_row_is_counted(reported: list[int], times: int) -> None:
    rounds = [[brought(errors=count, n=n)] for n, count in enumerate(reported)]
    assert signals(*rounds).same_error_count == times
    assert signals(*rounds).fire == (times >= 2)


def test_a_round_that_reports_no_errors_does_not_break_the_row() -> None:
    rounds = [[brought(errors=3, n=1)], [brought(n=2)], [brought(errors=3, n=3)]]
    assert signals(*rounds).same_error_count == 2


@pytest.mark.parametrize(
    ("count", "is_stalling", "repeats", "after"),
    [(0, False, False, 0), (2, False, False, 1), (0, True, False, 1), (1, False, True, 2)],
)
def test_the_stall_count_goes_up_by_one_and_down_by_one(
    count: int, after: int, *, is_stalling: bool, repeats: bool
) -> None:
    seen = Signals(repeat_hash=repeats)
    assert stalls_after(count, is_stalling=is_stalling, signals=seen) == after
