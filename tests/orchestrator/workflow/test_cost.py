import time

import pytest

from orchestrator.workflow import cost
from orchestrator.workflow.expressions import ExpressionError, compiled, evaluate, holds

DEEP = "l.all(a, l.all(b, l.all(c, a + b + c >= 0)))"


@pytest.mark.parametrize(
    "hidden",
    [
        DEEP,
        DEEP.replace("(b,", " // not so deep )\n (b,"),
        DEEP.replace("l.all(b", "l\n. all (b"),
        DEEP.replace("a + b", "size(')') + size(r'\\') + b"),
        DEEP.replace("a + b", "size(''')'))''') + b"),
        rf"size(r'\') == 1 && {DEEP} && size('\'') == 1",
        f'size("""a"b""") == 3 && {DEEP} && size("") == 0',
        DEEP.replace("l.all(b", "[[1]].map(m, m)[0].all(b"),
        DEEP.replace("l.all(c", "l.existsOne(c"),
    ],
)
def test_macros_three_deep_are_refused_however_they_are_written(hidden: str) -> None:
    assert "at most 2 deep, not 3" in cost.excess(hidden)
    with pytest.raises(ExpressionError, match="at most 2 deep"):
        compiled(hidden)


@pytest.mark.parametrize(
    "expression",
    [
        "l.all(a, l.exists(b, a == b)) && l.filter(c, c > 0).all(d, d > 0)",
        "s == 'l.all(a, l.all(b, l.all(c, c)))'",
        "l.all(a, (a + 1) * (a - 1) >= 0)",
    ],
)
def test_what_is_flat_enough_or_only_text_is_not_refused(expression: str) -> None:
    assert cost.excess(expression) == ""


@pytest.mark.parametrize(
    "expression",
    [
        "l.all(a, l.all(b, a + b >= 0))",
        "l.map(a, l) != []",
        "[1].all(a, s.matches('x*'))",
        "l.map(a, l).map(a, a.map(b, a)) != []",
    ],
)
def test_lists_and_text_too_long_for_macros_are_not_walked(expression: str) -> None:
    variables = {"l": list(range(10_000)), "s": "x" * 1_000_000}
    with pytest.raises(ExpressionError, match="too many for its macros"):
        evaluate(expression, variables)
    began = time.thread_time()
    assert not holds(expression, variables)
    assert time.thread_time() - began < 2


def test_lists_of_a_sensible_length_are_walked() -> None:
    assert holds("l.all(a, a >= 0)", {"l": list(range(1_000))})
    assert holds("l.all(a, l.exists(b, a == b))", {"l": list(range(100))})
    assert not holds("l.all(a, l.exists(b, a == b))", {"l": list(range(101))})


def test_length_does_not_matter_where_nothing_is_walked() -> None:
    assert holds("size(l) == 10000", {"l": list(range(10_000))})
