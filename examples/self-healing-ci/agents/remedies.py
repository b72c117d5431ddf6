"""The remedies there are: a name that is nearly right becomes right, a missing colon is put.

Anything else has no known remedy and is a person's to understand. A failing assertion never has:
whether the code or the test is wrong cannot be told from a traceback.
"""

import ast
import builtins
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tracebacks import Failure

ALIKE = 0.75
NO_MODULE = re.compile(r"No module named '(?P<name>[\w.]+)'")
NO_NAME_IN = re.compile(r"cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'")
NO_ATTRIBUTE = re.compile(r"module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'")
NO_NAME = re.compile(r"name '(?P<name>\w+)' is not defined")
NO_COLON = "expected ':'"

Sources = Mapping[str, str]


@dataclass(frozen=True)
class Remedy:
    """One line of one file that becomes another, and why."""

    path: str
    line: int
    before: str
    after: str
    why: str


def remedy_for(failure: Failure, sources: Sources) -> Remedy | None:
    """Return the remedy for a failure; None when none is known for it, or when it is in doubt."""
    lines = sources.get(failure.path, "").splitlines()
    if not 0 < failure.line <= len(lines):
        return None
    before = lines[failure.line - 1]
    found = _KINDS.get(failure.kind, _nothing)(failure, before, sources)
    if found is None or found[0] == before:
        return None
    return Remedy(failure.path, failure.line, before, *found)


Found = tuple[str, str] | None


def _nothing(failure: Failure, before: str, sources: Sources) -> Found:
    return None


def _module(failure: Failure, before: str, sources: Sources) -> Found:
    match = NO_MODULE.search(failure.said)
    return _renamed(before, match["name"], _modules(sources)) if match else None


def _imported(failure: Failure, before: str, sources: Sources) -> Found:
    match = NO_NAME_IN.search(failure.said)
    if match is None:
        return None
    return _renamed(before, match["name"], _names_of(match["module"], sources))


def _attribute(failure: Failure, before: str, sources: Sources) -> Found:
    match = NO_ATTRIBUTE.search(failure.said)
    if match is None:
        return None
    return _renamed(before, match["name"], _names_of(match["module"], sources))


def _name(failure: Failure, before: str, sources: Sources) -> Found:
    match = NO_NAME.search(failure.said)
    if match is None:
        return None
    known = {*_names_in(sources[failure.path]), *dir(builtins)} - {match["name"]}
    return _renamed(before, match["name"], known)


def _colon(failure: Failure, before: str, sources: Sources) -> Found:
    if failure.said != NO_COLON:
        return None
    return f"{before.rstrip()}:", "A colon is missing."


_KINDS: Mapping[str, Callable[[Failure, str, Sources], Found]] = {
    "ModuleNotFoundError": _module,
    "ImportError": _imported,
    "AttributeError": _attribute,
    "NameError": _name,
    "SyntaxError": _colon,
}


def _renamed(before: str, wrong: str, known: Iterable[str]) -> Found:
    close = difflib.get_close_matches(wrong, sorted(known), 2, ALIKE)
    if len(close) != 1 and not (close and _is_clear(wrong, *close)):
        return None
    after = re.sub(rf"(?<![\w.]){re.escape(wrong)}(?!\w)", close[0], before)
    if after == before:
        after = re.sub(rf"(?<!\w){re.escape(wrong)}(?!\w)", close[0], before)
    return after, f"{wrong!r} is nowhere; {close[0]!r} is."


def _is_clear(wrong: str, first: str, second: str) -> bool:
    """Whether the better of two candidates is better by far."""
    scores = [difflib.SequenceMatcher(None, wrong, each).ratio() for each in (first, second)]
    return scores[0] - scores[1] > 1 / 10


def _modules(sources: Sources) -> set[str]:
    names = {path.removesuffix(".py").replace("/", ".") for path in sources}
    return names | {name.removesuffix(".__init__") for name in names}


def _names_of(module: str, sources: Sources) -> set[str]:
    place = module.replace(".", "/")
    source = sources.get(f"{place}.py", sources.get(f"{place}/__init__.py", ""))
    return _names_in(source)


def _names_in(source: str) -> set[str]:
    """Return every name that a source binds."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
    return names
