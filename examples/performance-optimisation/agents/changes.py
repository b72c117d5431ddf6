"""The changes that experts know, each found in a syntax tree and made in a text."""

import ast
from collections.abc import Iterator

CACHE = "from functools import lru_cache\n"
IMPURE = {"print", "input", "open", "exec", "eval", "globals", "setattr", "next", "iter"}
WORDS = {
    "set": "search a set instead of a list",
    "cache": "keep the results of this pure function",
    "read_once": "read the file once and keep what is in it",
}


def function_in(text: str, name: str) -> ast.FunctionDef | None:
    """Return the function of a module by its name."""
    tree = ast.parse(text)
    found = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return next((node for node in found if node.name == name), None)


def searched_lists(function: ast.FunctionDef) -> list[ast.ListComp]:
    """Return the lists that the function builds by a comprehension and then only searches."""
    built = {
        node.targets[0].id: node.value
        for node in function.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.ListComp)
    }
    searched = {
        compared.id
        for node in ast.walk(function)
        if isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.In | ast.NotIn)
        and isinstance(compared := node.comparators[0], ast.Name)
    }
    uses = [
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    ]
    return [made for name, made in built.items() if name in searched and uses.count(name) == 1]


def reads_a_file(function: ast.FunctionDef) -> bool:
    """Whether all that the function touches outside is a file that it opens to read."""
    calls = [name for name in _called(function) if name in IMPURE]
    return calls == ["open"] and not _keeps_state(function)


def is_pure(function: ast.FunctionDef) -> bool:
    """Whether what the function returns depends on its arguments alone, as far as can be seen."""
    return not IMPURE.intersection(_called(function)) and not _keeps_state(function)


def changed(text: str, name: str, kind: str) -> str:
    """Return the module with the change made; raises ValueError when it cannot be."""
    function = function_in(text, name)
    if function is None:
        raise ValueError(f"There is no function {name}.")
    lines = text.splitlines(keepends=True)
    if kind == "set":
        for made in searched_lists(function):
            _replace(lines, made.lineno, made.col_offset, "[", "{")
            _replace(lines, made.end_lineno or 0, (made.end_col_offset or 1) - 1, "]", "}")
    else:
        lines.insert(function.lineno - 1, "@lru_cache(maxsize=1024)\n")
        lines.insert(_first_statement(text), CACHE)
    made_text = "".join(lines)
    ast.parse(made_text)
    return made_text


def _first_statement(text: str) -> int:
    body = ast.parse(text).body
    is_told = (
        bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    )
    return (body[0].end_lineno or 0) if is_told else 0


def _replace(lines: list[str], number: int, column: int, old: str, new: str) -> None:
    line = lines[number - 1].encode()
    if line[column : column + 1].decode() != old:
        raise ValueError("The text is not what was looked at.")
    lines[number - 1] = (line[:column] + new.encode() + line[column + 1 :]).decode()


def _called(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def _keeps_state(function: ast.FunctionDef) -> bool:
    kinds = (ast.Global, ast.Nonlocal, ast.Yield, ast.YieldFrom, ast.Await)
    stored = any(
        isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store)
        for node in ast.walk(function)
    )
    return stored or any(isinstance(node, kinds) for node in ast.walk(function))
