from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.retry import LONGEST_SECONDS, delay_after


@given(st.text(), st.integers(1, 1000))
def test_a_wait_is_between_half_and_all_of_the_doubled_time(step: str, attempt: int) -> None:
    full = min(LONGEST_SECONDS, 2.0 * 2.0 ** (attempt - 1))
    assert full / 2 <= delay_after(step, attempt).total_seconds() <= full


@given(st.text(), st.integers(1, 1000))
def test_a_replay_waits_as_long(step: str, attempt: int) -> None:
    assert delay_after(step, attempt) == delay_after(step, attempt)


def test_siblings_do_not_wait_in_step() -> None:
    assert len({delay_after(f"step {n}", 2) for n in range(50)}) == 50
