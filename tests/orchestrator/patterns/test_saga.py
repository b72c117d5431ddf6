from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.saga import Begin, Busy, Over, Stuck, Undo, next_undo

RANKS = st.lists(st.integers(1, 1000), unique=True, max_size=12)
UNKNOWN = st.integers(0, 2)
ENDS = st.sampled_from(["succeeded", "skipped", "failed", "escalated"])


def world(ranks: list[int], unknown: int) -> list[Undo]:
    known = [Undo(f"effect {rank}", rank, "blocked") for rank in ranks]
    return known + [Undo(f"unknown {n}", None, "blocked") for n in range(unknown)]


@given(RANKS, UNKNOWN, st.data())
def test_everything_is_undone_once_and_the_last_committed_first(
    ranks: list[int], unknown: int, data: st.DataObject
) -> None:
    undos, begun = world(ranks, unknown), []
    while isinstance(following := next_undo(undos), Begin):
        begun.append(following.key)
        busy = [_moved(undo, following.key, "running") for undo in undos]
        assert next_undo(busy) == Busy()
        undos = [_moved(undo, following.key, data.draw(ENDS)) for undo in undos]
    by_key = {undo.key: undo.commit_seq for undo in undos}
    committed = [rank for key in begun if (rank := by_key[key]) is not None]
    assert committed == sorted(ranks, reverse=True)
    assert len(begun) == len(set(begun)) == len(undos)
    assert [by_key[key] for key in begun[:unknown]] == [None] * unknown
    stuck = {undo.key for undo in undos if undo.state == "escalated"}
    assert (set(following.keys) if isinstance(following, Stuck) else set()) == stuck
    assert isinstance(following, Stuck if stuck else Over)


@given(RANKS, UNKNOWN, st.randoms(use_true_random=False))
def test_it_does_not_matter_in_which_order_they_are_told(
    ranks: list[int], unknown: int, random: Random
) -> None:
    undos = world(ranks, min(unknown, 1))
    shuffled = list(undos)
    random.shuffle(shuffled)
    assert next_undo(shuffled) == next_undo(undos)


def test_one_that_a_person_mended_is_waited_for_again() -> None:
    undos = [Undo("a", 1, "succeeded"), Undo("b", 2, "escalated")]
    assert next_undo(undos) == Stuck(("b",))
    assert next_undo([undos[0], replace(undos[1], state="ready")]) == Busy()
    assert next_undo([undos[0], replace(undos[1], state="succeeded")]) == Over()


def _moved(undo: Undo, key: str, state: str) -> Undo:
    return replace(undo, state=state) if undo.key == key else undo
