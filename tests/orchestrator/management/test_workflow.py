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


def advised(*flags: str) -> str:
    out = io.StringIO()
    call_command("workflow", "advise", *flags, stdout=out)
    return out.getvalue()


def test_advice_for_flags_is_a_file_with_the_reasons_above_it(tmp_path: Path) -> None:
    said = advised(
        "--agents=several",
        "--oversight=yes",
        "--coordination=known",
        "--work=handoff",
        "--control=centralized",
    )
    assert "# Several agents with a human in the loop" in said
    assert "#   - Work may wander" in said
    path = tmp_path / "starter.yaml"
    path.write_text(said)
    out = io.StringIO()
    call_command("workflow", "check", str(path), stdout=out)
    assert "starter-handoff 0.1.0 is in order" in out.getvalue()


def test_advice_asks_what_no_flag_says_until_it_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    answers = iter(["9", "perhaps", "1"])

    def ask(text: str) -> str:
        asked.append(text)
        return next(answers)

    monkeypatch.setattr("builtins.input", ask)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert "route: postpone" in advised("--agents=one")
    assert len(asked) == 3
    assert "1. Yes: people decide before it happens" in asked[0]


def test_advice_without_anybody_to_ask_names_the_missing_flags(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    errors = io.StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("workflow", "advise", "--agents=one", stderr=errors)
    assert left.value.code == 64
    assert "give --oversight" in errors.getvalue()
