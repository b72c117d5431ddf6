"""DESIGN section 3: small files, small functions, names that say what is inside."""

from tests.architecture import source

FILE, FUNCTION, TEMPLATE = 400, 60, 200
NAMES_OF_NOTHING = {
    "base",
    "common",
    "core",
    "handler",
    "handlers",
    "helper",
    "helpers",
    "manager",
    "managers",
    "misc",
    "processor",
    "util",
    "utilities",
    "utils",
}
# Where a base is the seam itself.
SEAMS = {f"orchestrator/{part}/base.py" for part in ("patterns", "runners", "topologies")}


def test_no_file_is_longer_than_400_lines() -> None:
    long = {
        source.name(path): lines
        for path in source.python_files()
        if (lines := len(path.read_text().splitlines())) > FILE
    }
    assert not long


def test_no_function_is_longer_than_60_lines() -> None:
    long = {
        f"{source.name(path)}:{function.name}": lines
        for path in source.python_files()
        for function in source.functions(path)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION
    }
    assert not long


def test_no_template_is_longer_than_200_lines() -> None:
    long = {
        source.name(path): lines
        for path in source.templates()
        if (lines := len(path.read_text().splitlines())) > TEMPLATE
    }
    assert not long


def test_no_module_is_named_after_nothing() -> None:
    named = {
        source.name(path)
        for path in source.python_files()
        if path.stem in NAMES_OF_NOTHING or path.parent.name in NAMES_OF_NOTHING
    }
    assert named <= SEAMS
