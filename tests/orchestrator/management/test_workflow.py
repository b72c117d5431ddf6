import io
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.factories.orchestrator import document, step


def test_a_good_file_is_in_order(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(document(step("look", "style")))
    out = io.StringIO()
    call_command("workflow", "check", str(path), stdout=out)
    assert "good.yaml: review 1.0.0 is in order" in out.getvalue()


def test_every_problem_of_every_file_is_said_before_leaving_with_1(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(document(step("look", "style")))
    bad.write_text("name: x\nsurprise: 1\n")
    out, errors = io.StringIO(), io.StringIO()
    paths = [str(bad), str(tmp_path / "missing.yaml"), str(good)]
    with pytest.raises(SystemExit) as left:
        call_command("workflow", "check", *paths, stdout=out, stderr=errors)
    assert left.value.code == 1
    assert "bad.yaml:2: unknown key 'surprise'" in errors.getvalue()
    assert "missing.yaml:1: the file cannot be read" in errors.getvalue()
    assert "good.yaml" in out.getvalue()
