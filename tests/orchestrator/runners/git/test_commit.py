"""Commits put into real repositories: once, undoable, and only what was approved."""

from pathlib import Path
from typing import Any

import pytest

from governance.adapters import EffectRefusedError, FactUnavailableError
from orchestrator.runners.git.commit import GitCommit
from tests.factories.git import commit, git, repository

tool = GitCommit(["/"])
KEY = "c3" * 32


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return repository(tmp_path / "shop", {"shop.py": "PRICE = 1\n", "run.sh": "echo\n"})


def arguments(shop: Path, **files: str) -> dict[str, Any]:
    chosen = files or {"shop.py": "PRICE = 2\n"}
    return {
        "repository": str(shop),
        "branch": "main",
        "base": git(shop, "rev-parse", "main"),
        "message": "Raise the price",
        "files": [{"path": path, "text": text} for path, text in chosen.items()],
    }


def test_files_become_one_commit_and_the_work_tree_follows(shop: Path) -> None:
    wanted = arguments(shop)
    facts = tool.collect(wanted)
    assert tool.sentence(wanted, facts.pins) == "Commit shop.py to main of shop"
    assert (facts.facts["changed_lines"], facts.facts["touches_tests"]) == (2, False)
    made = tool.perform(wanted, facts.pins, effect_key=KEY, fence=1)
    assert git(shop, "rev-parse", "main") == made["commit"]
    assert git(shop, "log", "-1", "--format=%s %P") == f"Raise the price {wanted['base']}"
    assert (shop / "shop.py").read_text() == "PRICE = 2\n"
    assert git(shop, "status", "--porcelain") == ""


def test_the_preview_shows_the_change(shop: Path) -> None:
    wanted = arguments(shop)
    [shown] = tool.preview(wanted, tool.collect(wanted).pins)
    assert [file["path"] for file in shown.content["files"]] == ["shop.py"]


def test_the_same_effect_twice_is_one_commit(shop: Path) -> None:
    wanted = arguments(shop)
    pins = tool.collect(wanted).pins
    assert tool.probe(wanted, pins, effect_key=KEY) is None
    first = tool.perform(wanted, pins, effect_key=KEY, fence=1)
    assert tool.probe(wanted, pins, effect_key=KEY) == first
    assert tool.perform(wanted, pins, effect_key=KEY, fence=2) == first
    assert git(shop, "rev-list", "--count", "main") == "2"


def test_the_undo_is_one_revert_however_often_it_is_asked_for(shop: Path) -> None:
    wanted = arguments(shop)
    made = tool.perform(wanted, tool.collect(wanted).pins, effect_key=KEY, fence=1)
    commit(shop, "Go on (#4)", {"more.py": "MORE = 1\n"})
    for fence in (1, 2):
        tool.compensate(wanted, made, effect_key=KEY, fence=fence)
    assert (shop / "shop.py").read_text() == "PRICE = 1\n"
    assert (shop / "more.py").exists()
    assert git(shop, "rev-list", "--count", "main") == "4"


def test_a_branch_that_moved_is_told_and_refuses(shop: Path) -> None:
    wanted = arguments(shop)
    pins = tool.collect(wanted).pins
    moved = commit(shop, "Go on (#4)", {"more.py": "MORE = 1\n"})
    with pytest.raises(FactUnavailableError, match="moved"):
        tool.collect(wanted)
    with pytest.raises(EffectRefusedError):
        tool.perform(wanted, pins, effect_key=KEY, fence=1)
    assert git(shop, "rev-parse", "main") == moved


@pytest.mark.parametrize("path", ["../out.py", "/etc/passwd", ".git/config", "a//b", "-rf/../x"])
def test_a_path_that_leads_elsewhere_is_refused(shop: Path, path: str) -> None:
    with pytest.raises(FactUnavailableError):
        tool.collect(arguments(shop, **{path: "x"}))


def test_a_link_is_not_written_through_and_what_is_there_is_no_commit(shop: Path) -> None:
    (shop / "link").symlink_to("shop.py")
    commit(shop, "Link (#3)")
    with pytest.raises(FactUnavailableError, match="no regular file"):
        tool.collect(arguments(shop, link="x"))
    with pytest.raises(FactUnavailableError, match="already"):
        tool.collect(arguments(shop, **{"shop.py": "PRICE = 1\n"}))


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("tests/test_a.py", True),
        ("Tests/data.json", True),
        ("shop/conftest.py", True),
        ("shop/price_test.py", True),
        ("shop/contest.py", False),
        ("latest.py", False),
    ],
)
def test_files_of_the_tests_are_known_by_their_names(
    shop: Path, path: str, *, is_test: bool
) -> None:
    assert tool.collect(arguments(shop, **{path: "x = 1\n"})).facts["touches_tests"] is is_test


def test_a_program_stays_a_program(shop: Path) -> None:
    (shop / "run.sh").chmod(0o755)
    commit(shop, "Run (#3)")
    wanted = arguments(shop, **{"run.sh": "echo hello\n"})
    tool.perform(wanted, tool.collect(wanted).pins, effect_key=KEY, fence=1)
    assert git(shop, "ls-tree", "main", "run.sh").startswith("100755")
