import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.workflow import expressions
from orchestrator.workflow.expressions import ExpressionError, filled, holds

VARIABLES = {
    "inputs": {"repo": "/r", "n": 2},
    "steps": {"a": {"outputs": {"list": [1, {"b": 2}]}}},
}


def test_text_that_is_one_expression_keeps_the_type_of_its_value() -> None:
    given_value = {"list": "{{ steps.a.outputs.list }}", "n": ["{{inputs.n}}"]}
    assert filled(given_value, VARIABLES) == {"list": [1, {"b": 2}], "n": [2]}


def test_expressions_within_text_are_written_into_it() -> None:
    assert filled("in {{ inputs.repo }} {{ inputs.n }}", VARIABLES) == "in /r 2"


def test_an_expression_that_cannot_be_evaluated_says_so() -> None:
    with pytest.raises(ExpressionError, match=r"steps\.b"):
        filled("{{ steps.b.outputs.x }}", VARIABLES)


@pytest.mark.parametrize("expression", ["outputs.x == 0", "1 / 0 == 1", "outputs", "1", "'true'"])
def test_only_exactly_true_holds(expression: str) -> None:
    assert not holds(expression, {"outputs": {}})


def test_names_bound_by_a_macro_are_known() -> None:
    assert expressions.unknown_names("outputs.all(f, f.ok)", ("outputs",)) == []
    assert expressions.unknown_names("outputs.all(f, g.ok)", ("outputs",)) == ["g"]


def test_step_names_inside_text_are_not_references() -> None:
    assert expressions.steps_named("steps.a.outputs.x == 'steps.b'") == ["a"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_a_value_without_expressions_is_left_alone(value: object) -> None:
    if not expressions.expressions_in(value):
        assert filled(value, {}) == value
