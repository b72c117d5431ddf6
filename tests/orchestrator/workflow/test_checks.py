"""Every static check has a file in `checks/` that triggers it, and beside it what is said."""

import io
from pathlib import Path

import pytest
from django.core.management import call_command

from orchestrator.workflow.checks.registry import (
    OF_FILES,
    OF_NODES,
    WARNINGS,
    by_check,
    warnings_of,
)
from orchestrator.workflow.reference import reference
from orchestrator.workflow.shape import problems_of_shape
from orchestrator.workflow.source import read

FILES = sorted((Path(__file__).parent / "checks").glob("*.yaml"))
DOCUMENT = Path(__file__).parents[3] / "docs" / "workflow-file.md"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_told_what_is_written_beside_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    expected = file.with_suffix(".txt").read_text()
    out, errors = io.StringIO(), io.StringIO()
    if file.stem.startswith("warning_"):
        call_command("workflow", "check", file.name, stdout=out, stderr=errors)
        assert "is in order" in out.getvalue()
    else:
        with pytest.raises(SystemExit) as left:
            call_command("workflow", "check", file.name, stdout=out, stderr=errors)
        assert left.value.code == 1
        assert out.getvalue() == ""
    assert errors.getvalue() == expected
    assert all(line.startswith(f"{file.name}:") for line in expected.splitlines())


def test_every_check_is_triggered_by_some_file() -> None:
    triggered: set[str] = set()
    for file in FILES:
        source = read(file.read_text(), file.name)
        if not problems_of_shape(source):
            found = {**by_check(source), **warnings_of(source)}
            triggered |= {name for name, problems in found.items() if problems}
    assert triggered == {check.__name__ for check in (*OF_FILES, *OF_NODES, *WARNINGS)}


def test_every_check_has_a_name_of_its_own() -> None:
    names = [check.__name__ for check in (*OF_FILES, *OF_NODES, *WARNINGS)]
    assert len(names) == len(set(names))


def test_the_document_describes_the_schema_of_today() -> None:
    assert DOCUMENT.read_text() == reference(), "manage.py workflow reference > docs/..."
