from hypothesis import given
from hypothesis import strategies as some

from orchestrator.patterns.deadlock import victims


def test_nobody_gives_way_where_nobody_waits_in_a_circle() -> None:
    assert victims({}, {}) == []
    assert victims({"a": ["b"], "b": ["c"], "c": []}, {"a": 1, "b": 2, "c": 3}) == []


def test_the_youngest_of_a_circle_gives_way() -> None:
    waits = {"a": ["b"], "b": ["c"], "c": ["a"], "outside": ["a"]}
    assert victims(waits, {"a": 1, "b": 3, "c": 2, "outside": 9}) == ["b"]


def test_every_circle_is_broken_once() -> None:
    waits = {"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]}
    assert sorted(victims(waits, {"a": 1, "b": 2, "c": 3, "d": 4})) == ["b", "d"]


NAMES = some.sampled_from("abcdef")


@given(some.dictionaries(NAMES, some.lists(NAMES, max_size=4), max_size=6))
def test_once_the_victims_are_gone_no_circle_is_left(waits: dict[str, list[str]]) -> None:
    age = {name: ord(name) for name in "abcdef"}
    gone = victims(waits, age)
    left = {name: behind for name, behind in waits.items() if name not in gone}
    assert victims(left, age) == []
