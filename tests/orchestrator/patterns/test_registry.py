import pytest

from orchestrator.patterns.registry import pattern_named


@pytest.mark.parametrize("name", ["sequential", "group_chat", "handoff", "magentic"])
def test_a_pattern_is_found_by_the_name_that_a_file_uses(name: str) -> None:
    assert pattern_named(name).name == name


def test_a_name_that_nobody_implements_is_refused() -> None:
    with pytest.raises(LookupError):
        pattern_named("round_table")
