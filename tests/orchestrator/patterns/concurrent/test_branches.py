from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.patterns.base import PlannedStep
from orchestrator.patterns.concurrent.branches import ExpansionError, branches_of, check_given

DO = [PlannedStep("do", "scan")]
items = st.lists(st.one_of(st.integers(-9, 9), st.text(max_size=3)), max_size=40)
shards = st.one_of(
    st.none(),
    st.builds(
        lambda how, n: {"strategy": how, "size": n},
        st.sampled_from(["size", "even"]),
        st.integers(1, 9),
    ),
    st.builds(
        lambda how, n: {"strategy": how, "count": n},
        st.sampled_from(["even", "hash"]),
        st.integers(1, 9),
    ),
)


def expanded(items: Any, shard: Any = None, cap: int = 1000) -> dict[str, Any]:
    options: dict[str, Any] = {"foreach": {"in": "inputs.items", "as": "m", "cap": cap}}
    if shard:
        options["foreach"]["shard"] = shard
    branches = branches_of(DO, options, {"inputs": {"items": items}})
    assert all(branch.step.agent == "scan" for branch in branches)
    return {branch.path: branch.given["m"] for branch in branches}


def test_the_branches_of_the_file_keep_their_order() -> None:
    plan = [PlannedStep("b"), PlannedStep("a")]
    assert [branch.step for branch in branches_of(plan, {}, {})] == plan


def test_every_item_has_its_branch() -> None:
    assert expanded(["x", "y"]) == {"0": "x", "1": "y"}


def test_shards_of_a_size_are_full_but_for_the_last() -> None:
    shard = {"strategy": "size", "size": 2}
    assert expanded([1, 2, 3, 4, 5], shard) == {"0": [1, 2], "1": [3, 4], "2": [5]}
    assert expanded([1, 2, 3, 4], shard) == {"0": [1, 2], "1": [3, 4]}


def test_even_shards_differ_by_one_item_at_most() -> None:
    assert expanded(list(range(11)), {"strategy": "even", "size": 10}) == {
        "0": [0, 1, 2, 3, 4],
        "1": [5, 6, 7, 8, 9, 10],
    }


def test_there_are_no_more_even_shards_than_items() -> None:
    assert expanded([1, 2], {"strategy": "even", "count": 5}) == {"0": [1], "1": [2]}


@given(items, st.integers(1, 9), st.lists(st.integers(10, 20), max_size=5))
def test_an_item_keeps_its_hash_shard_whatever_else_the_list_holds(
    items: list[Any], count: int, more: list[int]
) -> None:
    shard = {"strategy": "hash", "count": count}
    few, many = expanded(items, shard), expanded([*more, *items], shard)
    for path, values in few.items():
        assert [value for value in many[path] if value not in more] == values


@given(items, shards)
def test_every_item_is_given_to_exactly_one_branch(items: list[Any], shard: Any) -> None:
    given = expanded(items, shard).values()
    dealt = [item for value in given for item in (value if shard else [value])]
    assert sorted(map(repr, dealt)) == sorted(map(repr, items))
    assert all(given) or not shard, "no shard is empty"
    if shard and shard["strategy"] != "hash":
        assert dealt == items


@given(items, shards)
def test_the_same_list_makes_the_same_branches(items: list[Any], shard: Any) -> None:
    assert expanded(items, shard) == expanded(list(items), shard)


def test_more_branches_than_the_cap_need_a_person() -> None:
    with pytest.raises(ExpansionError, match="3 branches; at most 2") as raised:
        expanded([1, 2, 3], cap=2)
    assert (raised.value.state, raised.value.code) == ("escalated", "limit_reached")
    assert len(expanded([1, 2, 3], {"strategy": "even", "count": 2}, cap=2)) == 2


@pytest.mark.parametrize("value", [None, "abc", 7, {"a": 1}])
def test_what_is_no_list_makes_no_branches(value: Any) -> None:
    with pytest.raises(ExpansionError) as raised:
        expanded(value)
    assert (raised.value.state, raised.value.code) == ("failed", "invalid_list")


def test_an_expression_that_cannot_be_evaluated_makes_no_branches() -> None:
    options = {"foreach": {"in": "inputs.none", "as": "m", "cap": 9}}
    with pytest.raises(ExpansionError, match="none"):
        branches_of(DO, options, {"inputs": {}})


@pytest.mark.parametrize("item", ["timestamp('2026-01-01T00:00:00Z')", "9007199254740993"])
def test_branches_are_given_nothing_that_cannot_be_kept(item: str) -> None:
    options = {"foreach": {"in": f"[{item}]", "as": "m", "cap": 9}}
    with pytest.raises(ExpansionError) as raised:
        check_given(branches_of(DO, options, {}))
    assert raised.value.code == "invalid_list"
