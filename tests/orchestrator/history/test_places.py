import pytest

from orchestrator.history.places import blocks_around, key_of
from orchestrator.patterns.paths import inside


@pytest.mark.parametrize(
    "key", [("look", 0), ("look", 3), ("b/look", 1), ("b#2/0/look", 10), ("undo/b/turn#6", 2)]
)
def test_a_place_reads_back_as_the_step_it_names(key: tuple[str, int]) -> None:
    assert key_of(inside(*key)) == key


def test_the_blocks_around_a_step_are_named_as_its_own_path_does() -> None:
    assert blocks_around("b#2/0/look") == ["b#2", "b#2/0"]
    assert blocks_around("look") == []
