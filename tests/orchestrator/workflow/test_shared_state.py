import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.workflow.definition import StateKey
from orchestrator.workflow.loading import parse
from orchestrator.workflow.planning import granted, granted_state
from orchestrator.workflow.shared_state import Entry, are_rivals, reduced
from tests.factories.orchestrator import document, step

TURN = {"start_to_close": "30s"}


def entry(value: Any) -> Entry:
    return Entry("k", value, "scout@1", "agent", "internal", "look")


def held(reducer: str, *values: Any, initial: Any = None) -> Any:
    keys = {"k": StateKey({}, reducer, initial, "internal")}
    return reduced(keys, map(entry, values))["k"]


@pytest.mark.parametrize(
    ("reducer", "initial", "values", "expected"),
    [
        ("replace", "a", [], "a"),
        ("replace", None, [1, 2], 2),
        ("append", [0], [1, [2]], [0, 1, [2]]),
        ("append", None, [], []),
        ("merge", {"a": 1}, [{"b": 2}, {"a": 3}], {"a": 3, "b": 2}),
        ("max", None, [], None),
        ("max", 4, [3, 5], 5),
        ("sum", 10, [1, 2.5], 13.5),
        ("set_union", ["b"], [["a", "b"], [{"x": 1}, {"x": 1}]], ["a", "b", {"x": 1}]),
    ],
)
def test_a_reducer_makes_one_value_of_all_writes(
    reducer: str, initial: Any, values: list[Any], expected: Any
) -> None:
    assert held(reducer, *values, initial=initial) == expected


@given(st.permutations([3, 1, 2]), st.permutations([["a"], ["b", "a"], ["c"]]))
def test_what_does_not_depend_on_order_is_the_same_in_every_order(
    numbers: list[int], lists: list[list[str]]
) -> None:
    assert (held("sum", *numbers), held("max", *numbers)) == (6, 3)
    assert held("set_union", *lists) == ["a", "b", "c"]


def test_only_branches_of_one_block_are_rivals() -> None:
    look = {"agent": "ann", "timeouts": TURN}
    inner = {"pattern": "sequential", "steps": [step("one", "ann"), step("two", "ann")]}
    fan = {"id": "fan", "pattern": "concurrent", "branches": {"left": look, "right": inner}}
    agents = {"ann": {"ref": "ann@1"}}
    definition = parse(document(step("first", "ann"), fan, agents=agents), "f.yaml")
    assert are_rivals(definition, "fan/left", "fan/right/one")
    assert not are_rivals(definition, "fan/right/one", "fan/right/two")
    assert not are_rivals(definition, "first", "fan/left")
    assert not are_rivals(definition, "fan/left", "fan/left")
    assert not are_rivals(definition, "fan#1/left", "fan/right/one")


def test_a_context_selects_steps_and_keys_and_grants_no_others() -> None:
    state = {
        "seen": {"type": {}, "reducer": "append"},
        "best": {"type": {}, "reducer": "max"},
    }
    text = document(
        step("first", "ann", writes=["seen", "best"]),
        step("second", "ann"),
        step("third", "ann", context=["first", "state.best"]),
        step("fourth", "ann", context="full"),
        state=state,
    )
    definition = parse(text, "f.yaml")
    assert granted_state(definition, "second") == []
    assert granted(definition, "third") == ["first"]
    assert granted_state(definition, "third") == ["best"]
    assert granted_state(definition, "fourth") == ["seen", "best"]
    assert json.loads(text)["state"] == state
