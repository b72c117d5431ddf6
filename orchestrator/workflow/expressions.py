"""CEL: conditions, and the `{{ }}` in a step's `with`.

Total and free of side effects, so they replay. An expression that cannot be evaluated does not
hold, and its opposite does not either: unknown lets nothing through. What reads an output that may
be absent asks for it first, with `has(...)`. A run whose `success` is unknown has not succeeded, a
checkpoint takes its declared route, and a `when` neither runs nor skips its step: to skip one may
be to skip a control, so a person is asked.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import cel

from orchestrator.workflow import cost

_TEMPLATE = re.compile(r"\{\{(.+?)\}\}", re.DOTALL)
_STEP = re.compile(r"\bsteps\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)")
_STATE = re.compile(r"(?<![\w.])state\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)")
_BOUND = re.compile(
    r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_][A-Za-z0-9_]*)\s*,"
)
_FAULTS = (ArithmeticError, RuntimeError, TypeError, ValueError)


class ExpressionError(Exception):
    """An expression does not compile, or cannot be evaluated over what it is given."""


@lru_cache(maxsize=1024)
def compiled(expression: str) -> cel.Program:
    """Return the program of `expression`; raises ExpressionError, also for one too costly."""
    if problem := cost.excess(expression):
        raise ExpressionError(problem)
    try:
        return cel.compile(expression)
    except ValueError as error:
        raise ExpressionError(_first_line(error)) from None


@lru_cache(maxsize=1024)
def _variables(expression: str) -> frozenset[str]:
    return frozenset(compiled(expression).variables())


def unknown_names(expression: str, known: Collection[str]) -> list[str]:
    """Return the variables of `expression` that are neither `known` nor bound by a macro."""
    bound = set(_BOUND.findall(cost.without_text(expression)))
    return [n for n in compiled(expression).variables() if n not in known and n not in bound]


def steps_named(expression: str) -> list[str]:
    """Return the step ids that `expression` reads as `steps.<id>`, in order, each once."""
    return list(dict.fromkeys(_STEP.findall(cost.without_text(expression))))


def state_named(expression: str) -> list[str]:
    """Return the keys that `expression` reads as `state.<key>`, in order, each once."""
    return list(dict.fromkeys(_STATE.findall(cost.without_text(expression))))


def holds(expression: str, variables: Mapping[str, Any]) -> bool:
    """Whether `expression` is exactly true; one that cannot be evaluated does not hold."""
    return not unmet(expression, variables)


def unmet(expression: str, variables: Mapping[str, Any]) -> str:
    """Return the expression unless it is exactly true, with why it is unknown where it is."""
    try:
        return "" if evaluate(expression, variables) is True else expression
    except ExpressionError as error:
        return str(error)


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """Return the value of `expression`; raises ExpressionError.

    One whose lists are too long for its macros is not evaluated: it would hold up every run.
    """
    program = compiled(expression)
    most = cost.most_members(expression)
    if most is not None and cost.members(variables) > most:
        problem = f"more than {most} members in a list or {most * cost.TEXT} characters of text"
        raise ExpressionError(f"{expression.strip()}: {problem} are too many for its macros")
    # Whatever is handed over is copied, and a run may have large inputs.
    named = {name: variables[name] for name in _variables(expression) if name in variables}
    try:
        return program.execute(named)
    except LookupError as error:
        absent = f"there is no {_first_line(error)}; where that may be, ask with has(...) first"
        raise ExpressionError(f"{expression.strip()}: {absent}") from None
    except _FAULTS as error:
        raise ExpressionError(f"{expression.strip()}: {_first_line(error)}") from None


def expressions_in(value: Any) -> list[str]:
    """Return the CEL inside every `{{ }}` of a JSON value."""
    if isinstance(value, str):
        return _TEMPLATE.findall(value)
    if isinstance(value, Mapping):
        return [found for part in value.values() for found in expressions_in(part)]
    if isinstance(value, list):
        return [found for part in value for found in expressions_in(part)]
    return []


def filled(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return `value` with every `{{ }}` evaluated; raises ExpressionError.

    Text that is one expression and nothing else takes its value and type; otherwise the values
    are written into the text.
    """
    if isinstance(value, str):
        return _filled_text(value, variables)
    if isinstance(value, Mapping):
        return {key: filled(part, variables) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, variables) for part in value]
    return value


def _filled_text(text: str, variables: Mapping[str, Any]) -> Any:
    whole = _TEMPLATE.fullmatch(text.strip())
    if whole and "}}" not in whole.group(1):
        return evaluate(whole.group(1), variables)
    return _TEMPLATE.sub(lambda found: str(evaluate(found.group(1), variables)), text)


def _first_line(error: Exception) -> str:
    text = str(error.args[0]) if error.args else type(error).__name__
    return text.partition("\n")[0][:300]
