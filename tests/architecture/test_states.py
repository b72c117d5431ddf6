"""Only the owning service moves a state machine: `gate.state` is gates' business and so on."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture import source

OWNERS = {
    "Gate": "governance/services/gates.py",
    "Warrant": "governance/services/warrants.py",
    "Effect": "governance/services/effects.py",
    "Contract": "governance/services/contracts.py",
    "Notice": "governance/services/notices.py",
    "Agent": "governance/services/agents.py",
    "Holding": "governance/services/holdings.py",
    "Reservation": "governance/services/reservations.py",
    "Run": "orchestrator/services/run_states.py",
    "Step": "orchestrator/services/step_states.py",
}
STATES = {"state", "lifecycle"}
WRITERS = {"update", "aupdate", "update_or_create"}


def writes(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line of every write of a state, and the model where the line names it."""
    for node in ast.walk(source.tree(path)):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(_is_state_of_something(target) for target in targets):
                yield node.lineno, ""
        elif isinstance(node, ast.Call) and _writes_a_state(node):
            yield node.lineno, _model_of(node.func)


def _is_state_of_something(target: ast.expr) -> bool:
    return (
        isinstance(target, ast.Attribute)
        and target.attr in STATES
        # An object's own attribute is no column; models have no methods that assign.
        and not (isinstance(target.value, ast.Name) and target.value.id == "self")
    )


def _writes_a_state(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id == "setattr" and _constant(call.args[1]) in STATES
    if not isinstance(function, ast.Attribute):
        return False
    if function.attr == "bulk_update":
        return any(_constant(node) in STATES for node in ast.walk(call))
    return function.attr in WRITERS and bool({word.arg for word in call.keywords} & STATES)


def _constant(node: ast.AST) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _model_of(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) and node.id in OWNERS else ""


def test_only_the_owning_service_assigns_a_state() -> None:
    trespasses = [
        f"{source.name(path)}:{line}"
        for path in source.python_files(with_tests=False)
        for line, model in writes(path)
        if source.name(path) not in OWNERS.values()
        or (model and OWNERS[model] != source.name(path))
    ]
    assert not trespasses


def test_no_model_overrides_save() -> None:
    overrides = [
        f"{source.name(path)}:{function.lineno}"
        for path in source.python_files(with_tests=False)
        if "models" in path.parts
        for function in source.functions(path)
        if function.name in {"save", "asave", "delete", "clean"}
    ]
    assert not overrides


@pytest.mark.parametrize(
    "line",
    [
        "gate.state = 'approved'",
        "Gate.objects.filter(pk=1).update(state='approved')",
        "found.update(lifecycle='active', note='x')",
        "Gate.objects.bulk_update(gates, ['state'])",
        "setattr(gate, 'state', 'approved')",
    ],
)
def test_the_walk_sees_every_way_to_write_a_state(tmp_path: Path, line: str) -> None:
    (tmp_path / "module.py").write_text(line)
    assert len(list(writes(tmp_path / "module.py"))) == 1


@pytest.mark.parametrize("line", ["Gate.objects.filter(state='x')", "self.state = 1", "x = state"])
def test_the_walk_leaves_reading_alone(tmp_path: Path, line: str) -> None:
    (tmp_path / "module.py").write_text(line)
    assert list(writes(tmp_path / "module.py")) == []
