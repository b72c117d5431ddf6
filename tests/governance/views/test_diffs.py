from typing import Any

import pytest

from governance.selectors.gate_view import ExhibitView
from governance.views.diffs import laid_out
from governance.views.exhibits import shown

FILE: dict[str, Any] = {
    "path": "new.py",
    "old_path": "old.py",
    "status": "renamed",
    "old_mode": "100644",
    "new_mode": "100755",
    "binary": False,
    "truncated": False,
    "added": 1,
    "removed": 1,
    "hunks": [
        {
            "old_start": 1,
            "old_lines": 2,
            "new_start": 1,
            "new_lines": 2,
            "section": "def f():",
            "lines": [
                {"kind": "context", "old": 1, "new": 1, "text": "a"},
                {"kind": "removed", "old": 2, "new": None, "text": "b", "newline": False},
                {"kind": "added", "old": None, "new": 2, "text": "c", "cut": 9000},
            ],
        }
    ],
}
DIFF = {"files": [FILE], "added": 1, "removed": 1, "truncated": False}


def exhibit(kind: str, content: dict[str, Any]) -> ExhibitView:
    return ExhibitView(
        id="1",
        name="Name",
        kind=kind,
        trust="agent",
        agent_name="Scout",
        subject="",
        stale=False,
        truncated=False,
        digest="d",
        content=content,
    )


def test_removed_and_added_lines_face_each_other_in_one_block() -> None:
    diff = laid_out(DIFF)
    assert diff
    hunk = diff.files[0].hunks[0]
    assert hunk.header == "@@ -1,2 +1,2 @@ def f():"
    assert [(block.changed, len(block.lines)) for block in hunk.blocks] == [(False, 1), (True, 2)]


def test_what_lines_cannot_say_is_said_beside_them() -> None:
    diff = laid_out(DIFF)
    assert diff
    assert diff.files[0].note == "renamed, mode 100644, now 100755"
    removed, added = diff.files[0].hunks[0].blocks[1].lines
    assert removed.note == "no newline at the end"
    assert added.note == "9000 bytes; the rest is not shown"


def test_a_changed_mode_of_a_modified_file_is_said() -> None:
    diff = laid_out(DIFF | {"files": [FILE | {"status": "modified"}]})
    assert diff
    assert diff.files[0].note == "mode 100644, now 100755"


@pytest.mark.parametrize(
    ("mode", "note"),
    [
        ("100644", "new file"),
        ("100755", "new file, executable"),
        ("120000", "new file, symbolic link"),
        ("160000", "new file, submodule"),
    ],
)
def test_what_a_new_path_is_besides_its_lines_is_said(mode: str, note: str) -> None:
    new = {"status": "added", "old_mode": "000000", "new_mode": mode}
    diff = laid_out(DIFF | {"files": [FILE | new]})
    assert diff
    assert diff.files[0].note == note


def test_what_only_claims_to_be_a_diff_is_shown_as_it_is() -> None:
    for content in ({}, {"files": 3}, {"files": [{"path": "x"}]}, {"files": ["x"]}):
        assert laid_out(content) is None
        (item,) = shown([exhibit("diff", content)])
        assert item.template == "gates/data.html"


def test_a_hostile_number_in_an_agents_diff_cannot_break_the_page() -> None:
    hunk = FILE["hunks"][0] | {"lines": [{"kind": "odd", "old": 1, "new": 1, "text": "x"}]}
    assert laid_out(DIFF | {"files": [FILE | {"hunks": [hunk]}]}) is None


def test_nothing_an_agent_attaches_is_left_out() -> None:
    content = {
        "findings": [{"severity": "major", "message": "m", "file": "a", "line": 3, "hint": "h"}],
        "files": 2,
    }
    (item,) = shown([exhibit("findings", content)])
    assert item.template == "gates/findings.html"
    assert [(f.where, f.more[0].value) for f in item.findings] == [("a:3", "h")]
    assert [(more.name, more.value) for more in item.more] == [("files", "2")]


def test_anything_else_is_shown_as_data() -> None:
    (item,) = shown([exhibit("odd", {"b": 1, "a": [True]})])
    assert item.data.index('"a"') < item.data.index('"b"')


def test_an_agents_diff_is_shown_with_everything_in_it() -> None:
    (item,) = shown([exhibit("diff", DIFF | {"note": "left out of the layout"})])
    assert item.template == "gates/data.html"
    assert "left out of the layout" in item.data
