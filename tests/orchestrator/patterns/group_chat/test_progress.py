from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.group_chat.progress import is_barren, is_repeating, normalised


def test_saying_the_same_three_times_is_repetition() -> None:
    assert is_repeating(["go", "Go!", "no", " GO "])


def test_two_lines_said_twice_each_are_repetition() -> None:
    assert is_repeating(["you are right", "no, you", "You are right.", "No you"])


def test_agreeing_once_is_not() -> None:
    assert not is_repeating(["restart it", "I agree", "I agree", "now"])


def test_only_the_last_six_lines_count() -> None:
    assert not is_repeating(["go", "go", "a", "b", "c", "d", "go"])


def test_look_alikes_do_not_hide_a_repetition() -> None:
    assert normalised("Ｒestart   the\tﬁrewall!") == normalised("restart the firewall")  # noqa: RUF001 - alike


def test_texts_without_words_differ_by_their_signs() -> None:
    assert normalised("?") != normalised("!")


@given(st.lists(st.sampled_from(["", "message"]), min_size=6))
def test_two_rounds_without_news_are_barren(kinds: list[str]) -> None:
    assert is_barren(kinds, 3)


@given(st.sampled_from(["proposal", "evidence"]), st.integers(0, 5))
def test_news_within_two_rounds_is_progress(kind: str, after: int) -> None:
    assert not is_barren(["message"] * 9 + [kind] + ["message"] * after, 3)


def test_a_young_chat_is_not_barren() -> None:
    assert not is_barren([""] * 5, 3)
